"""A Lightning module that writes down what it is shown, and a quiet Trainer."""

from pathlib import Path
from typing import Any

import lightning
import torch
from stores import IDENTITIES, SIDE
from visits import Visit, visits_of


class Recorder(lightning.LightningModule):
    """A linear net; `visits` are the faces of all its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Linear(SIDE * SIDE * 3, IDENTITIES)
        self.visits: list[Visit] = []

    def training_step(self, batch: dict[str, Any], number: int) -> torch.Tensor:
        self.visits += visits_of(batch, "train", self.current_epoch, self.global_rank)
        return self.loss(batch)

    def validation_step(self, batch: dict[str, Any], number: int, dataloader_idx: int = 0) -> None:
        stage = "sanity" if self.trainer.sanity_checking else f"val {dataloader_idx}"
        self.visits += visits_of(batch, stage, self.current_epoch, self.global_rank)

    def predict_step(self, batch: dict[str, Any], number: int) -> None:
        self.visits += visits_of(batch, "predict", 0, self.global_rank)

    def loss(self, batch: dict[str, Any]) -> torch.Tensor:
        logits = self.net(batch["image"].flatten(1) / 255)
        return torch.nn.functional.cross_entropy(logits, batch["label"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def trainer(folder: Path, **options: Any) -> lightning.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    kept = {"enable_checkpointing": bool(options.get("callbacks"))}
    where = {"accelerator": "cpu", "devices": 1, "default_root_dir": folder}
    return lightning.Trainer(**where | quiet | kept | options)
