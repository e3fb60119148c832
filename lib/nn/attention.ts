/** Attention between the members of sequences. */
import { OptionError, ShapeError } from '../errors.ts';
import type { Generator } from '../tensor/generator.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, expectBoolean, expectNumber } from '../validate.ts';
import { xavierUniform, zeros } from './init.ts';
import { Linear, size } from './linear.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

export interface MultiheadAttentionOptions {
  /** Share of the attention weights that training drops, default 0. */
  readonly dropout?: number;
  /** Whether the projections have biases. Default true. */
  readonly bias?: boolean;
  /** Sequences are (batch, length, embedDim) instead of (length, batch, embedDim). Default false, as PyTorch's. */
  readonly batchFirst?: boolean;
  /** What the initial values are drawn from. Default: the one that `manualSeed()` seeds. */
  readonly generator?: Generator;
}

export interface AttentionOptions {
  /**
   * (queries, keys), or of a shape that broadcasts to (batch, heads, queries, keys). Boolean: true where a query must not
   * see a key. Float: added to the scores.
   */
  readonly attnMask?: Tensor;
  /** A query sees the keys up to its own place only. Default false; not with attnMask. */
  readonly isCausal?: boolean;
}

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
    checkOptions('MultiheadAttention', options, ['dropout', 'bias', 'batchFirst', 'generator']);
    this.embedDim = expectNumber('embedDim', embedDim, size);
    this.numHeads = expectNumber('numHeads', numHeads, { min: 1, integer: true });
    if (embedDim % numHeads !== 0) throw new OptionError(`numHeads must divide ${embedDim}, got ${numHeads}`);
    this.dropout = expectNumber('dropout', options.dropout ?? 0, { min: 0, max: 1 });
    this.batchFirst = expectBoolean('batchFirst', options.batchFirst ?? false);
    const bias = expectBoolean('bias', options.bias ?? true);
    const draws = options.generator && { generator: options.generator };
    this.inProjWeight = new Parameter(ops.empty([3 * embedDim, embedDim]));
    xavierUniform(this.inProjWeight, draws);
    this.inProjBias = bias ? new Parameter(ops.zeros([3 * embedDim])) : null;
    this.outProj = new Linear(embedDim, embedDim, { bias, ...draws });
    if (this.outProj.bias !== null) zeros(this.outProj.bias);
  }

  /**
   * @param query (queries, batch, embedDim), or as `batchFirst` says; so are key and value, of one length.
   * @param key default: query, for self-attention.
   * @param value default: key.
   * @returns of query's shape.
   */
  override forward(query: Tensor, key = query, value = key, options: AttentionOptions = {}): Tensor {
    checkOptions('forward', options, ['attnMask', 'isCausal']);
    const { attnMask, isCausal = false } = options;
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
