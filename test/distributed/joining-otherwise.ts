/** As joining.ts, by other code. */
import './joining.ts';
