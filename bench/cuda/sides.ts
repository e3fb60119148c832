/** The processes of both sides: ours, and one of the peer's for each kind of work, which keeps what it has compiled. */
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Answering, peerPython, root, startAnswering } from '../peer.ts';
import type { Figures, Job, Task } from './jobs.ts';

/** As the commands have it: all cores decode, and two threads are left to others. */
const decoding = { UV_THREADPOOL_SIZE: String(Math.max(4, availableParallelism() + 2)) };

const inWords = (error: unknown): string => (error as Error).message;

export interface SidesOptions {
  readonly device: string;
  /** Names of the peer's processes. */
  readonly peers: Iterable<string>;
  /** Seconds within which an answer must come. */
  readonly limit: number;
}

export class Sides {
  readonly #options: SidesOptions;
  readonly #peers = new Map<string, Answering>();
  /** Of the peers that compile still: resolves when they are done. */
  readonly #compiling = new Map<string, Promise<void>>();
  #ours: Answering | undefined;
  #isEnded = false;

  constructor(options: SidesOptions) {
    this.#options = options;
    for (const name of options.peers) this.#startPeer(name);
  }

  /** On a GPU the PyTorch of `python3`: what bench/peers/setup.sh installs is a build for CPUs. */
  #startPeer(name: string, ...flags: string[]): void {
    const { device } = this.#options;
    const python = device === 'cpu' || process.env.CONTRASTIVE_PEERS !== undefined ? peerPython() : 'python3';
    this.#peers.set(name, startAnswering(python, [`${root}/bench/peers/cuda_ref.py`, device, ...flags]));
  }

  /** Lets each of the peer's processes try its tasks, all at once, which compiles. */
  prepare(tasks: readonly { readonly peer: string; readonly task: Task }[]): void {
    for (const name of this.#peers.keys()) {
      const own = tasks.filter(({ peer }) => peer === name);
      const answers = own.map(({ task }) => this.#peer(name).ask(JSON.stringify({ ...task, seconds: 0 })));
      const done = Promise.all(answers)
        .catch(() => {}) // it has ended, and says so again when it is asked
        .then(() => void this.#compiling.delete(name));
      this.#compiling.set(name, done);
    }
  }

  /** What a peer says of the machine, however long it takes to start; nothing where it has ended. */
  async about(name: string): Promise<Figures> {
    const told = this.#peer(name).ask(JSON.stringify({ do: 'about' }));
    return told.then((line) => JSON.parse(line) as Figures).catch(() => ({}));
  }

  /** Names of the peers that compile still. */
  compiling(): string[] {
    return [...this.#compiling.keys()];
  }

  /** Waits until one of those that compile, or each of them, is done; no longer than `seconds`. */
  async compiled(which: 'one' | 'all', seconds: number): Promise<void> {
    const stop = new AbortController();
    const those = this.#compiling.values();
    const late = pause(1000 * Math.max(0, seconds), undefined, { signal: stop.signal }).catch(() => {});
    await Promise.race([which === 'all' ? Promise.all(those) : Promise.race(those), late]);
    stop.abort();
  }

  /** Starts the peer's process again: it is to do without what it has not compiled. */
  async withoutCompile(name: string): Promise<void> {
    await this.#peer(name).kill();
    if (this.#isEnded) return;
    this.#compiling.delete(name);
    this.#startPeer(name, '--no-compile');
  }

  #peer(name: string): Answering {
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(`there is no peer '${name}'`);
    return peer;
  }

  async #ask(process: Answering, job: object): Promise<Figures> {
    const { limit } = this.#options;
    const stop = new AbortController();
    const late = async (): Promise<never> => {
      await pause(1000 * limit, undefined, { signal: stop.signal });
      throw new Error(`no answer within ${limit.toFixed(0)} s`);
    };
    const asked = process.ask(JSON.stringify(job));
    try {
      return JSON.parse(await Promise.race([asked, late()])) as Figures;
    } finally {
      stop.abort();
    }
  }

  /** Our process is started when it is needed. */
  async ours(job: Job): Promise<Figures> {
    const script = fileURLToPath(new URL('ours.ts', import.meta.url));
    this.#ours ??= startAnswering(process.execPath, ['--import', 'tsx', script, this.#options.device], {
      ...decoding,
      ...process.env,
    });
    try {
      return await this.#ask(this.#ours, job);
    } catch (error) {
      await this.endOurs();
      return { ours: inWords(error) };
    }
  }

  /** Gives the device's memory back, which libtorch's allocator keeps while our process is there. */
  async endOurs(): Promise<void> {
    const ours = this.#ours;
    this.#ours = undefined;
    await ours?.kill();
  }

  async theirs(name: string, job: Job | { readonly do: 'memory' }): Promise<Figures> {
    try {
      return await this.#ask(this.#peer(name), job);
    } catch (error) {
      await this.withoutCompile(name);
      return { eager: inWords(error) };
    }
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await Promise.all([this.endOurs(), ...[...this.#peers.values()].map((peer) => peer.kill())]);
  }
}
