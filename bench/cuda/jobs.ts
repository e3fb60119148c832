/** What both sides of bench/cuda.ts are asked to measure. Sizes are in pixels, batches in images. */

interface Network {
  readonly encoder: 'resnet18' | 'resnet50';
  readonly stem: 'cifar' | 'imagenet';
  /** Of what goes into the network. */
  readonly size: number;
  readonly batch: number;
}

interface Kinds {
  /**
   * Steps of SimCLR on JPEG files in `folder`; without, on `images` images of side `stored` in memory, and bare ones. Where
   * `graphs` says so, ours are measured as graphs of the device too.
   */
  readonly train: Network & {
    readonly images: number;
    readonly stored: number;
    readonly folder?: string;
    readonly graphs?: boolean;
  };
  /** NT-Xent of `rows` vectors of 128 numbers, forward and backward; the peer's memory too, where it is asked for. */
  readonly loss: { readonly rows: number; readonly measuresMemory: boolean };
  /** Two views of each of a batch of images of side `stored`. */
  readonly views: { readonly size: number; readonly stored: number; readonly batch: number };
  /** From images in memory to vectors in memory, and bare forward passes. */
  readonly embed: Network;
}

/** `seconds`: how long each figure is measured, about. */
export type JobOf<Kind extends keyof Kinds> = { readonly do: Kind; readonly seconds: number } & Kinds[Kind];
export type Job = { [Kind in keyof Kinds]: JobOf<Kind> }[keyof Kinds];
/** A job before it is known how much time there is for it. */
export type Task = { [Kind in keyof Kinds]: Omit<JobOf<Kind>, 'seconds'> }[keyof Kinds];

/** By name, a second unless that says otherwise; or why there is none. */
export type Figures = Readonly<Record<string, number | string>>;

/** A task of both sides, and the lines of the table that come of it. */
export interface Row {
  readonly title: string;
  /** Of a figure. */
  readonly unit: string;
  readonly task: Task;
  /** Which of the peer's processes: rows that share one share what it has compiled. */
  readonly peer: string;
  /** How long a figure would best be measured, in seconds; and about how many figures both sides measure. */
  readonly seconds: number;
  readonly figures: number;
  /** Needs most of the device's memory: our process, whose allocator keeps what it has taken, ends before the peer's turn. */
  readonly isLarge?: boolean;
  /** The title of the row that has the bare model's figures, where it is another one. */
  readonly bareOf?: string;
}

const network18 = { encoder: 'resnet18', stem: 'cifar' } as const;
const network50 = { encoder: 'resnet50', stem: 'imagenet' } as const;

/** @param folder of the JPEG files. */
export function rowsOf(isQuick: boolean, folder: string): Row[] {
  const small = isQuick
    ? ({ ...network18, size: 16, batch: 4, images: 64, stored: 16 } as const)
    : ({ ...network18, size: 32, batch: 1024, images: 50_000, stored: 32 } as const);
  const large = isQuick
    ? ({ ...network18, stem: 'imagenet', size: 72, batch: 2, images: 8, stored: 80 } as const)
    : ({ ...network50, size: 224, batch: 256, images: 2048, stored: 256 } as const);
  const named = ({ encoder, size, batch }: Network): string =>
    `${encoder === 'resnet18' ? 'ResNet-18' : 'ResNet-50'}, ${size} px, batch ${batch}`;
  const training = (of: typeof small | typeof large, seconds: number): Row => ({
    title: `SimCLR, ${named(of)}`,
    unit: 'images/s',
    task: { do: 'train', ...of, graphs: of === small },
    peer: `train ${of.size}`,
    ...{ seconds, figures: 8, isLarge: of === large },
  });
  const lossOf = (rows: number, measuresMemory = false): Row => ({
    title: `NT-Xent, ${rows} × 128, forward and backward`,
    unit: 'passes/s',
    task: { do: 'loss', rows, measuresMemory },
    ...{ peer: 'loss', seconds: 0.5, figures: 3 },
  });
  const viewsOf = ({ size, stored, batch }: typeof small | typeof large): Row => ({
    title: `SimCLR's views, ${size} px`,
    unit: 'views/s',
    task: { do: 'views', size, stored, batch },
    ...{ peer: 'views', seconds: 1, figures: 4 },
  });
  const embedding = (batch: number): Row => ({
    title: `embedding, ${named({ ...large, batch })}`,
    unit: 'images/s',
    task: { do: 'embed', encoder: large.encoder, stem: large.stem, size: large.size, batch },
    ...{ peer: 'embed', seconds: 0.7, figures: 6 },
  });
  const fromMemory = training(large, 3);
  const [few, many] = isQuick ? ([64, 128] as const) : ([2048, 8192] as const);
  // What tells the most comes first.
  return [
    training(small, 2),
    lossOf(many),
    fromMemory,
    viewsOf(small),
    viewsOf(large),
    lossOf(isQuick ? 256 : 131_072, true), // too large for a matrix of all pairs
    ...(isQuick ? [1, 4] : [1, 64]).map(embedding),
    {
      ...fromMemory,
      title: `SimCLR from JPEG files, ${named(large)}`,
      task: { do: 'train', ...large, folder },
      ...{ figures: 3, bareOf: fromMemory.title },
    },
    lossOf(few),
  ];
}

/** Whether there is something in it that the peer compiles, and that no other row has. */
export const isCompiled = ({ task }: Row): boolean =>
  task.do === 'train' ? task.folder === undefined : !(task.do === 'loss' && task.measuresMemory);
