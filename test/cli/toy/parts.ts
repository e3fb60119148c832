/** What `--import` runs. */
import './encoder.ts';

export { toyMargin } from './loss.ts';
