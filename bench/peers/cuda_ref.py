"""PyTorch's side of bench/cuda.ts. Each line that it reads is a job (bench/cuda/jobs.ts) as JSON; it answers with a line: figures by
name, a second unless that says otherwise, or in the place of a figure the text that says why there is none. Networks compute in
bfloat16 by autocast, products of float32 in TF32.

usage: cuda_ref.py DEVICE [--no-compile]
"""
import functools
import gc
import importlib.util
import json
import math
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(root, ".gpu", "python"))  # where a machine has no network, kornia can lie here
if not torch.cuda.is_available():
    import tvshim  # noqa: F401
import torchvision
from PIL import Image
from torchvision.transforms import v2

device = torch.device(sys.argv[1])
is_gpu = device.type == "cuda"
can_compile = "--no-compile" not in sys.argv
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no answer
torch.backends.cudnn.benchmark = True
torch.set_float32_matmul_precision("high")
half = torch.autocast(device.type, torch.bfloat16)
MEAN, STD = 0.5, 0.25


def synchronize():
    if is_gpu:
        torch.cuda.synchronize()


def rate(work, seconds):
    """Calls of `work` a second: some to warm up, then groups of calls, each waited for at its end, as rate() in ours.ts."""
    for _ in range(3):
        began = time.perf_counter()
        work()
        synchronize()
        single = time.perf_counter() - began
    group = max(1, round(min(0.1, seconds / 4) / single))
    began, calls = time.perf_counter(), 0
    while True:
        for _ in range(group):
            work()
        synchronize()
        calls += group
        elapsed = time.perf_counter() - began
        if elapsed >= seconds:
            return calls / elapsed


def tried(measures):
    """What each of the named measures comes to; the memory that it took goes back to the device."""
    found = {}
    for name, measure in measures.items():
        try:
            if name.endswith("compile") and not can_compile:
                raise RuntimeError("torch.compile took too long, or its process ended")
            found[name] = measure()
        except torch.OutOfMemoryError:
            found[name] = "out of memory"
        except Exception as error:  # of a compiler that is missing, of a kernel that there is not
            print(f"{name}: {error}", file=sys.stderr)
            lines = str(error).strip().splitlines() or [type(error).__name__]
            found[name] = f"not available: {lines[0][:80]}"
        gc.collect()
        if is_gpu:
            torch.cuda.empty_cache()
    return found


# The model: torchvision's network, SimCLR's head, and the loss over a matrix of all pairs.


@functools.cache
def network(name, stem):
    torch.manual_seed(0)
    net = getattr(torchvision.models, name)(weights=None)
    if stem == "cifar":
        net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    width = net.fc.in_features
    net.fc = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 128))
    return net.to(device, memory_format=torch.channels_last)


def nt_xent(z, temperature=0.1):
    """z: (2n, dim), the second views of all images behind the first ones."""
    z = F.normalize(z, dim=1)
    similarity = z @ z.T / temperature
    similarity = similarity.masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), -math.inf)
    return F.cross_entropy(similarity, torch.arange(len(z), device=z.device).roll(len(z) // 2))


@functools.cache
def compiled(function, **options):
    return torch.compile(function, dynamic=False, **options)


# Views: torchvision's transforms, one image at a time; and batched ones of our own, as a user would write them for a device.


def recipe(size):
    """Strength of the jitter, and the width of the blur's kernel or 0."""
    return (0.5, 0) if size <= 64 else (1.0, size // 20 * 2 + 1)


def transforms(size):
    s, kernel = recipe(size)
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(0.08, 1), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s)], p=0.8),
            v2.RandomGrayscale(0.2),
            *([v2.RandomApply([v2.GaussianBlur(kernel, (0.1, 2.0))], p=0.5)] if kernel else []),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((MEAN,) * 3, (STD,) * 3),
        ]
    )


YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]], device=device)
RGB = torch.linalg.inv(YIQ)


def batched(images, size):
    """A view of each image of a uint8 batch (n, height, width, 3), each with draws of its own. Brightness, saturation, hue and gray
    are one matrix an image, hue a turn about the gray axis: cheaper than a way through HSV."""
    n, (s, kernel) = len(images), recipe(size)

    def uniform(low, high):
        return low + (high - low) * torch.rand(n, device=images.device)

    x = images.permute(0, 3, 1, 2).float() / 255
    area, ratio = uniform(0.08, 1), uniform(math.log(3 / 4), math.log(4 / 3)).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    left, top = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    flip, zero = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0), torch.zeros_like(area)
    theta = torch.stack([width * flip, zero, left, zero, height, top], 1).view(n, 2, 3)
    x = F.grid_sample(x, F.affine_grid(theta, [n, 3, size, size], align_corners=False), align_corners=False)
    is_jittered = uniform(0, 1) < 0.8
    brightness, contrast, saturation = (torch.where(is_jittered, uniform(1 - 0.8 * s, 1 + 0.8 * s), 1.0) for _ in range(3))
    hue = torch.where(is_jittered, uniform(-0.2 * s, 0.2 * s), 0.0) * 2 * math.pi
    saturation = torch.where(uniform(0, 1) < 0.2, 0.0, saturation)
    one, cos, sin = torch.ones_like(hue), saturation * hue.cos(), saturation * hue.sin()
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).view(n, 3, 3)
    colours = brightness[:, None, None] * (RGB @ turn @ YIQ)
    x = (colours @ x.flatten(2)).view(n, 3, size, size).clamp(0, 1)
    x = torch.lerp(x.mean((1, 2, 3), keepdim=True), x, contrast[:, None, None, None]).clamp(0, 1)
    if kernel:
        sigma = torch.where(uniform(0, 1) < 0.5, uniform(0.1, 2), 1e-3)
        at = torch.arange(kernel, device=images.device) - kernel // 2
        weights = torch.softmax(-(at**2) / (2 * sigma[:, None] ** 2), 1).repeat_interleave(3, 0)  # (3n, kernel)
        x = F.pad(x, (kernel // 2,) * 4, mode="reflect").view(1, 3 * n, size + kernel - 1, size + kernel - 1)
        x = F.conv2d(F.conv2d(x, weights[:, None, None, :], groups=3 * n), weights[:, None, :, None], groups=3 * n)
        x = x.view(n, 3, size, size)
    return ((x - MEAN) / STD).to(torch.bfloat16, memory_format=torch.channels_last)


def two_views(images, size):
    return torch.cat([batched(images, size), batched(images, size)])


@functools.cache
def random_images(count, size):
    return torch.randint(256, (count, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def pinned(images):
    return images.pin_memory() if is_gpu else images


class Parts(torch.utils.data.IterableDataset):
    """Two views of each of `count` images drawn at random, image by image: (2, count, 3, size, size), without end."""

    def __init__(self, source, count, transform):
        self.source, self.count, self.transform = source, count, transform

    def views_of(self, index):
        image = self.source[index]
        if isinstance(image, str):
            image = v2.functional.to_image(Image.open(image).convert("RGB"))
        else:
            image = image.permute(2, 0, 1)
        return torch.stack([self.transform(image), self.transform(image)])

    def __iter__(self):
        while True:
            chosen = torch.randint(len(self.source), (self.count,)).tolist()
            yield torch.stack([self.views_of(index) for index in chosen], 1).to(torch.bfloat16)


def views_by_workers(source, size, batch):
    """Views of a batch, of which each worker makes a part, so that none of them is waited for longer than the others."""
    workers = math.gcd(batch, cores)
    parts = Parts(source, batch // workers, transforms(size))
    loader = iter(torch.utils.data.DataLoader(parts, batch_size=None, num_workers=workers, pin_memory=is_gpu))

    def make():
        batch = torch.cat([next(loader).to(device, non_blocking=True) for _ in range(workers)], 1)
        return batch.flatten(0, 1).to(memory_format=torch.channels_last)

    return make


def views_on_device(source, size, batch, make):
    return lambda: make(pinned(source[torch.randint(len(source), (batch,))]).to(device, non_blocking=True), size)


# What is measured.


def train(job):
    """A step of SimCLR from images in memory or in files to the update, and the bare one, on images that are on the device."""
    size, batch, seconds = job["size"], job["batch"], job["seconds"]
    net = network(job["encoder"], job["stem"]).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, fused=is_gpu)

    def step(loss_of, images):
        optimizer.zero_grad(set_to_none=True)
        loss_of(images).backward()
        optimizer.step()

    def bare(forward):
        def loss_of(images):
            with half:
                z = forward(images)
            return z.float().square().mean()

        x = torch.randn(2 * batch, 3, size, size, device=device).to(torch.bfloat16, memory_format=torch.channels_last)
        return batch * rate(lambda: step(loss_of, x), seconds)

    def whole(forward, loss, next_views):
        def loss_of(images):
            with half:
                z = forward(images)
            return loss(z.float())

        return batch * rate(lambda: step(loss_of, next_views()), seconds)

    def by_workers(source):
        fast = compiled if can_compile else lambda function: function
        return whole(fast(net), fast(nt_xent), views_by_workers(source, size, batch))

    if "folder" in job:
        files = [os.path.join(at, name) for at, _, names in os.walk(job["folder"]) for name in names]
        return tried({"workers": lambda: by_workers(files)})
    images = random_images(job["images"], job["stored"])
    measures = {
        "bare, eager": lambda: bare(net),
        "bare, compile": lambda: bare(compiled(net)),
        "eager": lambda: whole(net, nt_xent, views_on_device(images, size, batch, two_views)),
        "compile": lambda: whole(
            compiled(net), compiled(nt_xent), views_on_device(images, size, batch, compiled(two_views))
        ),
    }
    if seconds > 0:  # there is nothing in it to be compiled beforehand
        measures["workers"] = lambda: by_workers(images)
    return tried(measures)


def loss(job):
    """Forward and backward; where it is asked for, the GB of the device's memory too."""
    z = torch.randn(job["rows"], 128, device=device, requires_grad=True)

    def measure(function):
        def work():
            z.grad = None
            function(z).backward()

        return rate(work, job["seconds"])

    if job["measuresMemory"]:
        return tried({"eager": lambda: measure(nt_xent), "memory, eager": lambda: peak_memory(lambda: measure(nt_xent))})
    return tried({"eager": lambda: measure(nt_xent), "compile": lambda: measure(compiled(nt_xent))})


def memory(_=None):
    """Bytes of the device that are in use, by all processes."""
    if not is_gpu:
        return {"used": "not counted on this device"}
    free, total = torch.cuda.mem_get_info(device)
    return {"used": total - free}


def peak_memory(work):
    """What an allocator has taken from the device it keeps: what there is after the work is what it took at the most."""
    if not is_gpu:
        raise RuntimeError(memory()["used"])
    before = memory()["used"]
    work()
    return (memory()["used"] - before) / 1e9


def views(job):
    """Two views of each image of a batch in the CPU's memory, made on the device."""
    size, batch = job["size"], job["batch"]
    images = pinned(random_images(batch, job["stored"]))

    def measure(make):
        return 2 * batch * rate(lambda: make(images.to(device, non_blocking=True)), job["seconds"])

    def by_torchvision():
        made = transforms(size)
        return measure(lambda x: [made(x.permute(0, 3, 1, 2)) for _ in range(2)])

    def by_kornia():
        if importlib.util.find_spec("kornia") is None:
            raise RuntimeError("kornia is not installed")
        import kornia.augmentation as kornia

        s, kernel = recipe(size)
        made = kornia.AugmentationSequential(
            kornia.RandomResizedCrop((size, size), scale=(0.08, 1)),
            kornia.RandomHorizontalFlip(),
            kornia.ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s, p=0.8),
            kornia.RandomGrayscale(p=0.2),
            *([kornia.RandomGaussianBlur((kernel, kernel), (0.1, 2.0), p=0.5)] if kernel else []),
            kornia.Normalize((MEAN,) * 3, (STD,) * 3),
        )
        return measure(lambda x: [made(x.permute(0, 3, 1, 2).float() / 255) for _ in range(2)])

    return tried(
        {
            "eager": lambda: measure(lambda x: two_views(x, size)),
            "compile": lambda: measure(lambda x: compiled(two_views)(x, size)),
            "torchvision, one draw a batch": by_torchvision,
            "kornia": by_kornia,
        }
    )


@functools.cache
def embedding(name, stem):
    """The forward pass to the features before the head; and the same from uint8 images."""
    net = network(name, stem).eval()

    def forward(x):
        with half:
            x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
            return net.layer4(net.layer3(net.layer2(net.layer1(x)))).mean((2, 3)).float()

    def features(x):
        return forward(((x.permute(0, 3, 1, 2).float() / 255 - MEAN) / STD).to(memory_format=torch.channels_last))

    return forward, features


def embed(job):
    """From the bytes of a batch of images in memory to vectors in memory, one batch behind the other; and the bare forward pass, on
    images that are on the device."""
    batch, size = job["batch"], job["size"]
    forward, features = embedding(job["encoder"], job["stem"])
    images = pinned(random_images(batch, size))
    x = torch.randn(batch, 3, size, size, device=device).to(memory_format=torch.channels_last)
    options = {"mode": "reduce-overhead"} if is_gpu else {}

    @torch.inference_mode()
    def measure(function):
        return batch * rate(lambda: function(images.to(device, non_blocking=True)).cpu(), job["seconds"])

    @torch.inference_mode()
    def bare(function):
        return batch * rate(lambda: function(x), job["seconds"])

    return tried(
        {
            "bare, eager": lambda: bare(forward),
            "bare, compile": lambda: bare(compiled(forward, **options)),
            "eager": lambda: measure(features),
            "compile": lambda: measure(compiled(features, **options)),
        }
    )


def about(_):
    gpu = torch.cuda.get_device_name(device) if is_gpu else "CPU"
    return {"device": gpu, "torch": torch.__version__, "torchvision": torchvision.__version__, "cores": cores}


jobs = {"about": about, "train": train, "loss": loss, "memory": memory, "views": views, "embed": embed}
for line in sys.stdin:
    job = json.loads(line)
    print(json.dumps(jobs[job["do"]](job)), file=answers, flush=True)
