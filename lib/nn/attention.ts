/** Attention between the members of sequences. */
import { OptionError, ShapeError } from '../errors.ts';
import { countOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectNumber } from '../validate.ts';
import { drawOptions } from './draw-options.ts';
import { xavierUniform, zeros } from './init.ts';
import { Linear, size } from './linear.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

const declared = {
  /** Share of the attention weights that training drops, default 0. */
  dropout: { type: 'number', default: 0, min: 0, max: 1 },
  /** Whether the projections have biases. Default true. */
  bias: { type: 'boolean', default: true },
  /** Sequences are (batch, length, embedDim) instead of (length, batch, embedDim). Default false, as PyTorch's. */
  batchFirst: { type: 'boolean', default: false },
  ...drawOptions,
} as const satisfies OptionTable;

export interface MultiheadAttentionOptions extends OptionsOf<typeof declared> {}

const passOptions = {
  /**
   * (queries, keys), or of a shape that broadcasts to (batch, heads, queries, keys). Boolean: true where a query must not
   * see a key. Float: added to the scores.
   */
  attnMask: { type: 'checked', check: asGiven<Tensor> },
  /** A query sees the keys up to its own place only. Default false; not with attnMask. */
  isCausal: { type: 'boolean', default: false },
} as const satisfies OptionTable;

export interface AttentionOptions extends OptionsOf<typeof passOptions> {}

/**
 * softmax(Q Kᵀ / √d) V in several heads, between linear projections. As torch.nn.MultiheadAttention, but forward() returns
 * the output alone.
 * Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2.
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  /** (3 · embedDim, embedDim): of queries, keys and values. */
  readonly inProjWeight: Parameter;
  /** (3 · embedDim), or null. */
  readonly inProjBias: Parameter | null;
  readonly outProj: Linear;

  /** @throws {OptionError} an unknown or wrong option, or heads that do not divide embedDim. */
  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const { dropout, bias, batchFirst, generator } = resolveOptions('MultiheadAttention', declared, options);
    this.embedDim = expectNumber('embedDim', embedDim, size);
    this.numHeads = expectNumber('numHeads', numHeads, countOption);
    if (embedDim % numHeads !== 0) throw new OptionError(`numHeads must divide ${embedDim}, got ${numHeads}`);
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    this.inProjWeight = new Parameter(ops.empty([3 * embedDim, embedDim]));
    xavierUniform(this.inProjWeight, { generator });
    this.inProjBias = bias ? new Parameter(ops.zeros([3 * embedDim])) : null;
    this.outProj = new Linear(embedDim, embedDim, { bias, generator });
    if (this.outProj.bias !== null) zeros(this.outProj.bias);
  }

  /**
   * @param query (queries, batch, embedDim), or as `batchFirst` says; so are key and value, of one length.
   * @param key default: query, for self-attention.
   * @param value default: key.
   * @returns of query's shape.
   */
  override forward(query: Tensor, key = query, value = key, options: AttentionOptions = {}): Tensor {
    const { attnMask, isCausal } = resolveOptions('forward', passOptions, options);
    const mask = attnMask?.dtype === 'bool' ? attnMask.logicalNot() : attnMask;
    const [q, k, v] = this.project(query, key, value);
    const attended = ops.scaledDotProductAttention(q, k, v, {
      attnMask: mask,
      isCausal,
      dropoutP: this.training ? this.dropout : 0,
    });
    const joined = attended.transpose(1, 2).flatten(2); // (batch, queries, embedDim)
    const out = this.outProj.forward(joined);
    return this.batchFirst ? out : out.transpose(0, 1);
  }

  /** Each (batch, heads, length, embedDim / heads). */
  protected project(query: Tensor, key: Tensor, value: Tensor): [Tensor, Tensor, Tensor] {
    const inputs = [query, key, value].map((x) => {
      if (x.ndim !== 3 || x.shape[2] !== this.embedDim)
        throw new ShapeError(`sequences must have shape (…, …, ${this.embedDim}), got [${x.shape.join(', ')}]`);
      return this.batchFirst ? x : x.transpose(0, 1);
    }) as [Tensor, Tensor, Tensor];
    const { inProjWeight, inProjBias } = this;
    const isSelf = query === key && key === value;
    const biases = inProjBias?.chunk(3);
    const projected = isSelf
      ? ops.linear(inputs[0], inProjWeight, { bias: inProjBias }).chunk(3, -1)
      : inProjWeight.chunk(3).map((weight, i) => ops.linear(inputs[i] as Tensor, weight, { bias: biases?.[i] }));
    return projected.map((x) => x.unflatten(2, [this.numHeads, -1]).transpose(1, 2)) as [Tensor, Tensor, Tensor];
  }
}
