import { expect, it } from 'vitest';
import { localDevice } from '../../lib/distributed/local-device.ts';

const four = ['cpu', 'cuda:0', 'cuda:1', 'cuda:2', 'cuda:3'];

it.each([
  ['cuda', '2', four, 'cuda:2'],
  ['auto', '3', four, 'cuda:3'],
  ['cuda:1', '2', four, 'cuda:1'],
  ['cpu', '2', four, 'cpu'],
  ['cuda', undefined, four, 'cuda'],
  ['cuda', '7', four, 'cuda'],
  ['auto', '0', ['cpu'], 'auto'],
])('%s of LOCAL_RANK %s', (device, LOCAL_RANK, present, expected) => {
  expect(localDevice(device, { LOCAL_RANK }, present)).toBe(expected);
});
