/** The methods of this package: importing the file of one defines it. A new one is a file, and its lines here. */
import type { barlowTwins } from './barlow-twins.ts';
import type { byol } from './byol.ts';
import type { crossEntropy } from './cross-entropy.ts';
import type { dcl } from './dcl.ts';
import type { dino } from './dino.ts';
import type { moco } from './moco.ts';
import type { mocoV3 } from './moco-v3.ts';
import type { nnclr } from './nnclr.ts';
import type { simclr } from './simclr.ts';
import type { simsiam } from './simsiam.ts';
import type { supcon } from './supcon.ts';
import type { swav } from './swav.ts';
import type { vicreg } from './vicreg.ts';

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

type MethodFunction =
  | typeof simclr
  | typeof supcon
  | typeof dcl
  | typeof moco
  | typeof mocoV3
  | typeof byol
  | typeof simsiam
  | typeof barlowTwins
  | typeof vicreg
  | typeof nnclr
  | typeof swav
  | typeof dino
  | typeof crossEntropy;

type SpecOf<F> = F extends (options?: infer Options) => { readonly name: infer Name }
  ? { readonly name: Name } & Options
  : never;

/** A method of the package by its name; the options mean what they mean to its function. */
export type NamedMethod = SpecOf<MethodFunction>;
