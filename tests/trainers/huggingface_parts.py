"""A Hugging Face Trainer that writes down what it is shown, with the loader as docs/recipes.md gives it one."""

import json
from pathlib import Path
from typing import Any

import torch
from stores import IDENTITIES, SIDE
from transformers import Trainer, TrainerCallback, TrainingArguments
from visits import BATCH, Visit, visits_of


class Net(torch.nn.Module):
    """A linear net as the Trainer calls it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Linear(SIDE * SIDE * 3, IDENTITIES)

    def forward(self, image: torch.Tensor, label: torch.Tensor, **rest: Any) -> dict[str, torch.Tensor]:
        logits = self.net(image.flatten(1) / 255)
        return {"loss": torch.nn.functional.cross_entropy(logits, label), "logits": logits}


class Recording(Trainer):
    """`visits` are the faces of all its steps."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.visits: list[Visit] = []
        self.epoch = -1
        self.add_callback(_CountEpochs(self))  # what the Trainer itself says is wrong within a resumed epoch

    def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        self.visits += visits_of(inputs, "train", self.epoch)
        return super().training_step(model, inputs, *args, **kwargs)

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        self.visits += visits_of(inputs, "val", self.epoch)
        return super().prediction_step(model, inputs, *args, **kwargs)


class _CountEpochs(TrainerCallback):
    def __init__(self, trainer: Recording) -> None:
        self.trainer = trainer

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self.trainer.epoch += 1


class WithLoader(Recording):
    """As in docs/recipes.md."""

    def __init__(self, train: Any, val: Any, **kwargs: Any) -> None:
        super().__init__(callbacks=[KeepPosition(train)], eval_dataset=val.dataset, **kwargs)
        self.train_loader, self.val_loader = train, val

    def get_train_dataloader(self) -> Any:
        return self.train_loader

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        return self.val_loader


class KeepPosition(TrainerCallback):
    """As in docs/recipes.md."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self.file(args, state).write_text(json.dumps(self.loader.state_dict()))

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step:
            self.loader.load_state_dict(json.loads(self.file(args, state).read_text()))

    def file(self, args: Any, state: Any) -> Path:
        return Path(args.output_dir, f"checkpoint-{state.global_step}", "loader.json")


def arguments(folder: Path, **options: Any) -> TrainingArguments:
    quiet = {"report_to": [], "disable_tqdm": True, "use_cpu": True, "dataloader_pin_memory": False}
    here = {"output_dir": str(folder), "per_device_train_batch_size": BATCH, "remove_unused_columns": False}
    return TrainingArguments(**quiet | here | {"save_strategy": "no", "label_names": ["label"]} | options)
