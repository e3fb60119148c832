/** The encoders of this package by name: importing the file of one registers it. */
import './resnet.ts';

export { type Encoder, encoderNames, encoderShapes, makeEncoder } from './registry.ts';
