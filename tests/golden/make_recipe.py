"""Golden file of base training: a small vision transformer trained in PyTorch with all that a base recipe asks for.

  recipe.h5  /order [steps, batch], /mix [steps]   the images of each step, MixUp's share
             <case>/losses [steps], <case>/after/<name>   float64; what the attributes rounding and moved are, and
             losses_rounding, make_steps.py says
for the cases sgd (Nesterov) and adamw; the numbers below are those of recipe.c.

Both warm up for 3 of 12 steps and follow a cosine then, smooth labels, mix every batch with itself rolled by one, clip
the gradients' norm (some steps are above the limit, some below), and decay weights of two or more dimensions alone.

Usage: make_recipe.py FOLDER recipe     exits 77 when torch or h5py is missing
"""

import math
import os
import sys

from make_vit import CLASSES, MODELS, build, h5py, nn, normalised, np, our_name, random_values, torch  # exits 77
from rounding import draws

NAME, N_IMAGES, BATCH, STEPS, WARMUP = "small_vit", 30, 6, 12, 3
SMOOTHING = 0.1
CASES = {  # clipping limit, optimizer of two groups
    "sgd": (2.0, lambda groups: torch.optim.SGD(groups, 0.05, momentum=0.9, nesterov=True)),
    "adamw": (3.0, lambda groups: torch.optim.AdamW(groups, 1e-3)),
}
DECAY = 0.1


def is_decaying(name, parameter):
    return parameter.ndim >= 2 and name.endswith("weight")


def factor(step):
    return step / WARMUP if step < WARMUP else 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def weights(model):
    return {our_name(n): p.detach().double().numpy().copy() for n, p in model.named_parameters()}


def mixed_loss(model, images, labels, mix):
    loss = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    logits = model(mix * images + (1 - mix) * images.roll(1, 0))
    return mix * loss(logits, labels) + (1 - mix) * loss(logits, labels.roll(1, 0))


def train(case, model, data):
    images, labels, order, mix = data
    limit, make = CASES[case]
    groups = [{"params": [p for n, p in model.named_parameters() if is_decaying(n, p) == decays],
               "weight_decay": DECAY if decays else 0.0} for decays in (True, False)]
    optimizer, losses, norms = make(groups), [], []
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    start = weights(model)
    for batch, share in zip(order, mix):
        optimizer.zero_grad()
        loss = mixed_loss(model, normalised(images[batch], torch.float64), torch.from_numpy(labels[batch]), share)
        loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), limit)))
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    if not min(norms) < limit < max(norms):
        sys.exit(f"{case}: norms from {min(norms)} to {max(norms)} do not lie on both sides of {limit}")
    return np.array(losses), start, weights(model)


def write_recipe(file):
    random = np.random.RandomState(11)
    images = random.randint(0, 256, (N_IMAGES,) + MODELS[NAME]["images"][1:]).astype(np.uint8)
    labels = random.randint(0, CLASSES, N_IMAGES)
    values = random_values(NAME, random)
    order = np.array([random.permutation(N_IMAGES)[:BATCH] for _ in range(STEPS)])
    mix = random.beta(0.2, 0.2, STEPS)
    file["images"], file["labels"], file["vit"] = images, labels.astype(np.int32), np.array(MODELS[NAME]["shape"])
    file["order"], file["mix"] = order.astype(np.int32), mix
    for key, value in values.items():
        file["parameters/" + key] = value
    data = (images, labels, order, mix)
    for case in CASES:
        losses, start, truth = train(case, build(NAME, False, values), data)
        rounded = list(draws(lambda: build(NAME, False, values), lambda model: train(case, model, data)))
        file[case + "/losses"] = losses
        file[case + "/losses_rounding"] = np.max([abs(losses_of - losses) for losses_of, _, _ in rounded], axis=0)
        for name, value in truth.items():
            dataset = file.create_dataset(f"{case}/after/{name}", data=value)
            dataset.attrs["rounding"] = max(np.linalg.norm(after[name] - value) for _, _, after in rounded)
            dataset.attrs["moved"] = np.linalg.norm(value - start[name])


def main():
    torch.set_num_threads(1)
    os.makedirs(sys.argv[1], exist_ok=True)
    path = os.path.join(sys.argv[1], "recipe.h5")
    with h5py.File(path + ".part", "w") as file:
        write_recipe(file)
    os.replace(path + ".part", path)
    print(path)


if __name__ == "__main__":
    main()
