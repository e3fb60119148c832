/** The encoders of this package by name: importing the file of one registers it. */
import './resnet.ts';
import './vision-transformer.ts';
import './convnext.ts';
import './mobilenet-v3.ts';
import './efficientnet.ts';

export { classifierName, type Encoder, encoderFacts, encoderNames, encoderShapes, makeEncoder } from './registry.ts';
