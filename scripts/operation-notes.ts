/**
 * Docstrings, by TypeScript names; scripts/generate-ops.ts writes them. An operation of our own that has one is for users, in
 * lib/tensor/ops.ts; any other is the library's alone, in lib/tensor/internal-ops.ts.
 */
export const operationNotes: Readonly<Record<string, string>> = {
  allGather: `The rows of all processes of the group, one rank behind the other: (worldSize · n, …) of (n, …). Every process must call it, with
tensors of one shape. As torch.distributed.nn.functional.all_gather: the gradient of a process's rows is the sum of what all
processes have for them.`,

  allReduce_: `Over all processes of the group, in place: 'sum' (default), 'mean', 'max' or 'min' of their tensors, in each. Records no
gradient: a tensor that requires one is an ERR_AUTOGRAD, outside noGrad(). As torch.distributed.all_reduce.`,

  broadcast_: `The tensor of the process \`source\` (default 0), in place in all processes of the group. As torch.distributed.broadcast.`,

  reduceScatter: `The sum of the tensors of all processes, of whose rows each gets its part by rank: (n / worldSize, …) of (n, …). As
torch.distributed.reduce_scatter_tensor. Records no gradient.`,

  wholeBatch: `The rows of all processes of the group, as \`allGather\` gives them, for what every process then computes alike, such as a
loss of the whole batch: the gradient of a process's rows is the one that it has for them itself. Every process must call it,
with tensors of one shape.`,

  dropout: `Elements are 0 with probability p, the others are divided by 1 − p. As torch.nn.functional.dropout in training.
Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting". Differs: the scale is
that of training, so that nothing is left to do after it.

@param input floating, any shape.
@param options.p from 0 to 1; default 0.5.
@param options.key int64 (); default \`randomKey()\`. The same key, p and shape give the same zeros, on every device and with
any number of threads.
@returns of input's shape and dtype; differentiable any number of times.`,

  grad: `Gradients of the sum of \`outputs\` with respect to \`inputs\`. No tensor's \`.grad\` changes. As torch.autograd.grad.

@param outputs tensors that require a gradient, of one element each where there are no \`gradOutputs\`.
@param inputs tensors that require a gradient.
@param options.gradOutputs the gradient of each output, of its shape.
@param options.retainGraph default: as \`createGraph\`.
@param options.createGraph the gradients can be differentiated again; default false. The losses of this package, its batch
normalisation in training and fused attention have no second derivative: an ERR_AUTOGRAD.
@param options.allowUnused zeros for an input on which the outputs do not depend, in place of an ERR_AUTOGRAD; default false.
@returns one tensor an input, of its shape and dtype. With \`createGraph\` its \`requiresGrad\` is true until the job has run.
@example
const [slope] = ops.grad([x.pow(3).sum()], [x], { createGraph: true });`,

  index: `The elements at \`indices\`, which are broadcast together; undefined takes a whole dimension. As x[:, i] in PyTorch.

@param indices int64 or int32, one a dimension from the first on; or bool, of which the true elements count: the shape then
depends on data.
@throws {ShapeError} an index that is out of range, when the job runs.
@example
x.index([undefined, tensor([2, 0], { dtype: 'int64' })]); // columns 2 and 0`,

  indexPut: `A copy of \`input\` in which the elements at \`indices\` (as those of \`index\`) are \`values\`, or have them added.

@param accumulate add; an index may then occur several times. Default false.`,

  normalize: `x / max(‖x‖_p, eps) along \`dim\`. As torch.nn.functional.normalize: where the norm is below eps, the gradient is that of
x / eps.

@param input floating.
@param options.p default 2.
@param options.dim default 1.
@param options.eps default 1e-12.
@returns of input's shape and dtype, under autocast too.`,

  rand: `float32, uniform in [0, 1): the numbers of a torch.Generator with that seed (default 0), on every device.`,

  randn: `float32, standard normal: the numbers of a torch.Generator with that seed (default 0), on every device.`,

  randint: `int64, from low to high − 1: the numbers of a torch.Generator with that seed (default 0), on every device.`,

  randperm: `int64 (n), 0 to n − 1 in the order of a torch.Generator with that seed (default 0), on every device.`,

  scaledDotProductAttention: `softmax(scale · q kᵀ + mask) v. As torch.nn.functional.scaled_dot_product_attention, but for where dropout's numbers
come from.
Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.

@param query float (…, queries, dim).
@param key float (…, keys, dim).
@param value float (…, keys, valueDim).
@param options.attnMask (…, queries, keys): bool, true where a query sees a key; or of query's dtype, added. A query that sees
none gives 0.
@param options.dropoutP the probability with which a weight is 0; default 0.
@param options.isCausal query i sees keys 0 to i; default false.
@param options.scale default 1 / √dim.
@param options.dropoutKey as the key of \`dropout\`.
@returns (…, queries, valueDim). On a CPU, four dimensions without dropout are one kernel, which has no second derivative.`,

  svd: `U, S and Vᴴ, with input = U diag(S) Vᴴ and S falling. As torch.linalg.svd.`,

  eigh: `Eigenvalues, rising, and eigenvectors, as columns, of a symmetric matrix. As torch.linalg.eigh.`,
  eigvalsh: `Eigenvalues, rising, of a symmetric matrix. As torch.linalg.eigvalsh.`,

  norm: `The norm of order \`ord\` (default 2) over \`dim\`, by default over all elements. As torch.linalg.vector_norm.`,
};
