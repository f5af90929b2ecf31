"""Train the digit classifier and keep its weights and its test accuracy.

    python -m tools.train_classifier            writes the checkpoint and results/classifier.json
    python -m tools.train_classifier --compare  validation accuracy of the settings tried

The settings were chosen by the second command, on images cut from the training set; the test set is
looked at once, by the first.
"""

import json
import sys
import time
from pathlib import Path

import torch
from sklearn.model_selection import train_test_split

from companion import data
from companion.augment import random_affine, random_shift
from companion.classifier import DigitClassifier
from companion.layers import initialize
from companion.train import descend, fit, minibatches

ROOT = Path(__file__).resolve().parent.parent
CHECKPOINT = ROOT / "companion/checkpoints/classifier/digits.pt"
RESULT = ROOT / "results/classifier.json"

SEED, N_STEPS = 0, 1500
CHOSEN = {"dropout": 0.3, "max_shift": 0, "max_angle": 0.2, "max_zoom": 0.1}
TRIED = [
    CHOSEN,
    CHOSEN | {"dropout": 0.0, "max_angle": 0.0, "max_zoom": 0.0},
    CHOSEN | {"max_angle": 0.1},
    CHOSEN | {"max_shift": 1},
]


def trained(x, y, *, dropout, max_shift, max_angle, max_zoom, n_steps=N_STEPS, seed=SEED):
    """Return a classifier trained on images (n, 1, 8, 8) and labels (n,)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        model = initialize(DigitClassifier(), generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=n_steps)

    def step(batch):
        images, labels = batch
        images = random_shift(images, max_shift, generator=generator)
        images = random_affine(images, max_angle=max_angle, max_zoom=max_zoom, generator=generator)
        loss = descend(model.loss(images, labels, rate=dropout, generator=generator), optimizer)
        schedule.step()
        return loss

    batches = minibatches(x.float(), y, batch_size=64, generator=generator)
    fit(step, batches, n_steps)
    return model.eval()


@torch.no_grad()
def accuracy(model, x, y):
    """Share of images whose largest logit is their label's."""
    return (model(x).argmax(dim=1) == y).double().mean().item()


def compare(x, y):
    """Print the accuracy of each setting on 300 training images that it was not trained on."""
    split = train_test_split(x, y, test_size=300, random_state=1, stratify=y)
    x_train, x_validation, y_train, y_validation = split
    for settings in TRIED:
        scores = [
            accuracy(trained(x_train, y_train, **settings, seed=seed), x_validation, y_validation)
            for seed in (0, 1)
        ]
        print(settings, *(f"{score:.4f}" for score in scores), flush=True)


def main():
    """Run what the command line says."""
    torch.set_num_threads(1)
    x_train, y_train, x_test, y_test = map(torch.from_numpy, data.digits())
    if "--compare" in sys.argv:
        return compare(x_train, y_train)
    start = time.perf_counter()
    model = trained(x_train, y_train, **CHOSEN)
    seconds = time.perf_counter() - start
    CHECKPOINT.parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: v.half() for name, v in model.state_dict().items()}, CHECKPOINT)
    result = {
        "figure": accuracy(DigitClassifier.load(), x_test, y_test),
        "unit": "test accuracy",
        "seconds": round(seconds, 1),
        "steps": N_STEPS,
        "seed": SEED,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    RESULT.write_text(json.dumps({"digits": result}, indent=1) + "\n")
    print(f"{CHECKPOINT.stat().st_size} bytes: {result}")


if __name__ == "__main__":
    main()
