/** A PyTorch wheel: a zip that holds libtorch's libraries, headers and CMake files. */
export interface Wheel {
  /** Its name on PyPI; `torch` when left out. */
  readonly project?: string;
  /** With its build: `2.13.0+cpu`. */
  readonly version: string;
  readonly file: string;
  readonly sha256: string;
  /** Of the wheel, for the progress line and for people who count it, in bytes. */
  readonly bytes?: number;
  /** pip's `--platform`. */
  readonly pipPlatform: string;
  readonly url: string;
  /** Libraries that are not unpacked. */
  readonly leaveOut?: RegExp;
  /** Wheels with libraries that this one needs, to be unpacked beside it. */
  readonly beside?: readonly Wheel[];
}
