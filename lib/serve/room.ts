/** A bound on how much a service has at work at once. */
import { refusal } from './body.ts';

export class Room {
  readonly #most: number;
  readonly #what: string;
  #taken = 0;

  /** @param what there may be `most` of, in words. */
  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
  }

  /** How many of those there are now. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Does work that stands for `amount` of them until it has ended.
   *
   * @param others how many there are already, where that is more than went in here.
   * @throws 503 there would be too many.
   */
  async within<T>(amount: number, work: () => Promise<T>, others = 0): Promise<T> {
    if (Math.max(this.#taken, others) + amount > this.#most)
      throw refusal(503, 'ERR_BUSY', `too many ${this.#what} are waiting; try again`);
    this.#taken += amount;
    try {
      return await work();
    } finally {
      this.#taken -= amount;
    }
  }
}
