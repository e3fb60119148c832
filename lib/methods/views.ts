/** The views of a batch, as a training step gets them. */
import type { Tensor } from '../tensor/tensor.ts';

export class Views {
  /** One tensor a size of view, (its views · batch, channels, height, width), view-major; first that of the first view. */
  readonly images: readonly Tensor[];
  /** For each view, its place among the views of `images`, counted through all of them. */
  readonly order: readonly number[];

  constructor(images: readonly Tensor[], order: readonly number[]) {
    this.images = images;
    this.order = order;
  }

  /** How many there are of each sample. */
  get count(): number {
    return this.order.length;
  }

  /** Samples. */
  get batch(): number {
    return this.images.reduce((sum, { shape }) => sum + (shape[0] as number), 0) / this.count;
  }

  /** The numbers of the views that are as large as the first: of a multi-crop, the global ones. */
  get globalNumbers(): readonly number[] {
    const count = (this.images[0]?.shape[0] as number) / this.batch;
    return [...this.order.keys()].filter((view) => (this.order[view] as number) < count);
  }

  /** Those alone. */
  get globalOnes(): Views {
    const numbers = this.globalNumbers;
    return new Views(
      this.images.slice(0, 1),
      numbers.map((view) => this.order[view] as number),
    );
  }

  /** One view of all samples: (batch, channels, height, width). */
  at(view: number): Tensor {
    const { batch } = this;
    let row = (this.order[view] as number) * batch;
    for (const images of this.images) {
      const rows = images.shape[0] as number;
      if (row < rows) return rows === batch ? images : images.narrow(0, row, batch);
      row -= rows;
    }
    throw new RangeError(`no view ${view}: there are ${this.count}`);
  }
}
