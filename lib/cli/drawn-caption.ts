/** What a transform drew, in a few words under a picture. */
import type { DrawnTransform } from '../augment/augment.ts';
import { policyOperations } from '../augment/rand-augment.ts';
import type { Transform } from '../augment/transform.ts';

/** Keeps a name and its number on one line. */
const bound = (...words: readonly string[]): string => words.join('\u00a0');

const signed = (value: number, digits: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;

const numberOf = (drawn: DrawnTransform, name: string): number => drawn[name] as number;
const listOf = (drawn: DrawnTransform, name: string): readonly number[] => drawn[name] as readonly number[];

const placeOf = (drawn: DrawnTransform): string => bound('at', `${numberOf(drawn, 'left')},${numberOf(drawn, 'top')}`);
const windowOf = (drawn: DrawnTransform): string =>
  `${numberOf(drawn, 'width')}×${numberOf(drawn, 'height')} ${placeOf(drawn)}`;

/** Factors in the order in which they were applied, those that change nothing left out. */
function jitter(drawn: DrawnTransform): string {
  const names = ['brightness', 'contrast', 'saturation', 'hue'] as const;
  const parts = listOf(drawn, 'order').flatMap((operation) => {
    const name = names[operation] as (typeof names)[number];
    const value = numberOf(drawn, name);
    if (name === 'hue') return value === 0 ? [] : [bound('h', signed(value, 2))];
    return value === 1 ? [] : [bound(name.charAt(0), value.toFixed(2))];
  });
  return parts.join(' ');
}

const legends: Partial<Record<Transform['kind'], string>> = {
  randomResizedCrop: 'crop: width×height and left,top of what is shown, in pixels of the image on the left',
  randomCrop: 'crop: left,top of what is shown, in pixels of the image on the left',
  colorJitter: 'b brightness, c contrast, s saturation: factors; h hue, in turns; in the order applied',
  gaussianBlur: 'σ of the blur, in pixels of the view',
};

/** What the words and letters of captions mean, of the kinds that are there. */
export const legendOf = (kinds: ReadonlySet<Transform['kind']>): string[] =>
  Object.entries(legends).flatMap(([kind, text]) => (kinds.has(kind as Transform['kind']) ? [text] : []));

/** What is neutral is left out. */
function affine(drawn: DrawnTransform): string {
  const pair = (name: string, unit: string): string => {
    const [x, y] = listOf(drawn, name).map((value) => Math.round(value)) as [number, number];
    return x === 0 && y === 0
      ? ''
      : bound(name === 'shear' ? 'shear' : 'move', `${signed(x, 0)}${unit},${signed(y, 0)}${unit}`);
  };
  const [angle, scale] = [numberOf(drawn, 'angle'), numberOf(drawn, 'scale')];
  const parts = [
    angle === 0 ? '' : bound('rotate', `${signed(angle, 1)}°`),
    pair('translate', ''),
    scale === 1 ? '' : `×${scale.toFixed(2)}`,
    pair('shear', '°'),
  ];
  return parts.filter((part) => part !== '').join(' ');
}

/** What a policy applied, one after the other. */
function policy(drawn: DrawnTransform): string {
  const magnitudes = [drawn.magnitude].flat() as number[];
  const applied = ([drawn.op].flat() as number[]).flatMap((operation, i) => {
    const name = wordsOf(policyOperations[operation] as string);
    const magnitude = magnitudes[i] as number;
    return operation === 0 ? [] : [bound(...name.split(' '), ...(magnitude === 0 ? [] : [shown(magnitude)]))];
  });
  return applied.join(', ');
}

const captions: Partial<Record<Transform['kind'], (drawn: DrawnTransform) => string>> = {
  randomResizedCrop: (drawn) => `crop ${windowOf(drawn)}`,
  randomCrop: (drawn) => `crop ${placeOf(drawn)}`,
  randomErasing: (drawn) => `erase ${windowOf(drawn)}`,
  randomHorizontalFlip: () => 'flip',
  randomVerticalFlip: () => 'flip vertically',
  randomGrayscale: () => 'gray',
  randomPerspective: () => 'perspective',
  colorJitter: jitter,
  randAugment: policy,
  trivialAugmentWide: policy,
  autoAugment: policy,
  gaussianBlur: (drawn) => `blur σ ${numberOf(drawn, 'sigma').toFixed(2)}`,
  randomRotation: (drawn) => `rotate ${signed(numberOf(drawn, 'angle'), 1)}°`,
  randomRotation90: (drawn) => (drawn.turns === 0 ? '' : `rotate ${90 * numberOf(drawn, 'turns')}°`),
  randomAffine: affine,
};

// Longer lists and larger numbers are coefficients and keys of noise: nobody reads them.
const isLegible = (value: unknown): boolean =>
  Array.isArray(value) ? value.length <= 3 && value.every(isLegible) : typeof value !== 'number' || value < 1e6;

const shown = (value: unknown): string =>
  Array.isArray(value)
    ? value.map(shown).join(',')
    : typeof value === 'number'
      ? `${+value.toFixed(2)}`.replace('-', '−')
      : `${value}`;

const wordsOf = (kind: string): string =>
  kind
    .replace(/^random/, '')
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .trim();

/** One phrase for each transform that did something by chance: what is always the same says nothing. */
export function describeDrawn(transforms: readonly Transform[], drawn: readonly DrawnTransform[]): string[] {
  return drawn.flatMap((entry, i) => {
    const { kind, applied, ...numbers } = entry;
    const isConstant = transforms[i]?.p === 1 && Object.keys(numbers).length === 0;
    if (!applied || isConstant) return [];
    const caption = captions[kind];
    if (caption !== undefined) return [caption(entry)].filter((text) => text !== '');
    const rest = Object.entries(numbers).filter(([, value]) => isLegible(value));
    return [[wordsOf(kind), ...rest.map(([name, value]) => `${wordsOf(name)} ${shown(value)}`)].join(' ')];
  });
}
