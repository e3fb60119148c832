import { convolutions } from './convolutions.ts';
import { encoders } from './encoders.ts';
import type { Suite } from './suite.ts';

export const suites: Readonly<Record<string, Suite>> = { convolutions, encoders };
