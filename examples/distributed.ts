/**
 * A loop of your own in several processes: each encodes its share of the images, compares them with those of all, and gradients are added
 * up. A Trainer does all this by itself.
 *
 *     torchrun --no-python --nproc-per-node 2 npx tsx examples/distributed.ts
 */
import {
  DataLoader,
  destroyProcessGroup,
  initProcessGroup,
  loadDataset,
  noGrad,
  ntXentLoss,
  ops,
  presets,
  rank,
  resnet18,
  SGD,
  subset,
  worldSize,
} from 'contrastive';

await initProcessGroup();
const images = await loadDataset('fashion-mnist', { subset: 'bundled', limit: 512 });
const share = Math.floor(images.length / worldSize()); // the same in every process, as all take the same number of steps
const own = subset(
  images,
  Array.from({ length: share }, (_, i) => rank() * share + i),
);
const views = presets.simclr({ size: 28, mean: 0.286, std: 0.353 });
using encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 1, seed: 0 }); // one seed: the same weights in all
using optimizer = new SGD(encoder.parameters(), { lr: 0.1, momentum: 0.9 });

const loader = new DataLoader(own, {
  batchSize: Math.floor(64 / worldSize()),
  dropLast: true,
  transform: (samples, epoch) => views.apply(samples, { views: 2, seed: 0, epoch }),
});
for (let epoch = 0; epoch < 2; epoch++)
  for await (using batch of loader.epoch(epoch)) {
    const features = encoder.forward(batch).reshape([2, -1, encoder.featureDim]).transpose(0, 1);
    const loss = ntXentLoss(ops.wholeBatch(features), { temperature: 0.5 }); // (images of all, 2, dim): the same number everywhere
    optimizer.zeroGrad();
    loss.backward(); // of this process's rows
    noGrad(() => {
      for (const { grad } of encoder.parameters()) if (grad) ops.allReduce_(grad);
    });
    optimizer.step();
    console.log(`rank ${rank()} of ${worldSize()}: loss ${(await loss.item()).toFixed(4)}`);
  }
await destroyProcessGroup();
