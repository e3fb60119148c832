/** The methods of this package: importing the file of one defines it. */
import './simclr.ts';
import './supcon.ts';
import './dcl.ts';
import './moco.ts';
import './moco-v3.ts';
import './byol.ts';
import './simsiam.ts';
import './barlow-twins.ts';
import './vicreg.ts';
import './nnclr.ts';
import './swav.ts';
import './dino.ts';
import './cross-entropy.ts';
import './custom-loss.ts';

export { type BoundMethod, type MethodSpec, methodNames, methodOf, optionsOfMethod } from './registry.ts';
