"""Reference: image files to SimCLR's two views with torchvision, PIL and DataLoader workers. Prints images a second of
the second epoch.   usage: folder_ref.py --root DIR [--batch 64] [--workers 2]"""
import argparse, time
import torch
import tvshim  # noqa
from torchvision import datasets
from torchvision import transforms as T

class TwoViews:
    def __init__(s, tf): s.tf = tf
    def __call__(s, image): return s.tf(image), s.tf(image)

if __name__ == '__main__':
    a = argparse.ArgumentParser()
    a.add_argument('--root', required=True); a.add_argument('--batch', type=int, default=64); a.add_argument('--workers', type=int, default=2)
    a = a.parse_args()
    tf = T.Compose([T.RandomResizedCrop(224, scale=(0.08, 1.)), T.RandomHorizontalFlip(), T.RandomApply([T.ColorJitter(.8, .8, .8, .2)], p=.8),
                    T.RandomGrayscale(.2), T.RandomApply([T.GaussianBlur(23, (0.1, 2.0))], p=.5), T.ToTensor(), T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    dl = torch.utils.data.DataLoader(datasets.ImageFolder(a.root, TwoViews(tf)), a.batch, shuffle=True, num_workers=a.workers, persistent_workers=True)
    for epoch in range(2):
        t, n = time.time(), 0
        for (v1, v2), y in dl: n += len(y)
    print(f'{n / (time.time() - t):.1f}')
