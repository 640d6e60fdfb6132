"""The state of a training: network, optimizer, where it stands, and what this epoch has shown so far."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch

from fimbria.errors import DivergenceError
from fimbria.learning.inference import tabulate, wanted
from fimbria.learning.networks.transfer import frozen_modules
from fimbria.learning.outputs import plain
from fimbria.learning.samples.sample import Whose
from fimbria.learning.training.devices import seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lightning_fabric import Fabric
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from fimbria.learning.samples.sample import Batch
    from fimbria.learning.tasks import Task
    from fimbria.results.predictions.table import PredictionTable


@dataclass(frozen=True)
class Step:
    """One step of the optimizer was made.

    Attributes
    ----------
    epoch, step
        Where the training stands, from 0.
    loss
        Mean over the batch.
    """

    epoch: int
    step: int
    loss: float


@dataclass(frozen=True, eq=False)
class Epoch:
    """One pass over the training images was made, and the validation images were predicted.

    Attributes
    ----------
    epoch
        Its number, from 0.
    steps
        How many steps it took.
    training
        What the network said of each training sample in the pass itself, while it was learning.
    validation
        What it says of the validation samples at the end.
    """

    epoch: int
    steps: int
    training: PredictionTable
    validation: PredictionTable


@runtime_checkable
class KnowsEpoch(Protocol):
    """A network that changes with the epochs, such as one whose reversed gradient grows."""

    def at_epoch(self, epoch: int) -> None:
        """Be told the epoch, from 0, before each step of the training."""
        ...


class Learner:
    """A training that can be saved and restored whole, at any step.

    Everything random in it is a function of (seed, epoch, step), so there is no random state to keep.

    Parameters
    ----------
    build_network, build_optimizer
        Make the network, and the optimizer of its parameters.
    task
        What is learnt.
    fabric
        Device and precision.
    seed
        Everything random follows from it.
    """

    def __init__(
        self,
        build_network: Callable[[], nn.Module],
        build_optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        task: Task,
        fabric: Fabric,
        seed: int,
    ) -> None:
        with seeded(seed):
            network = build_network()
        if _is_3d(network):
            network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # torch's stub knows 4-D only
        self.network = network
        self.task = task
        self.seed = seed
        self._fabric = fabric
        self._forward, self._optimizer = fabric.setup(self.network, build_optimizer(self.network))
        self.epoch = 0
        self.step = 0
        self._frozen = frozen_modules(network)
        self._whose: list[Whose] = []
        self._said: list[Mapping[str, Any]] = []

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self._fabric.device

    @property
    def runner(self) -> nn.Module:
        """The network as it runs: on its device, in its precision."""
        running: nn.Module = self._forward
        return running

    def learn(self, batch: Batch) -> Step:
        """Make one step of the optimizer.

        Raises
        ------
        DivergenceError
            When the loss is no longer a number; the weights stay those of the step before.
        """
        moved = batch.to(self.device)
        if (targets := wanted(self.task, moved)) is None:
            msg = "training samples need targets"
            raise ValueError(msg)
        self._forward.train()
        for module in self._frozen:  # its running statistics are as frozen as its weights
            module.eval()
        if isinstance(self.network, KnowsEpoch):
            self.network.at_epoch(self.epoch)
        with seeded(self.seed, self.epoch, self.step):
            outputs = self._forward(*moved.inputs)
            loss = self.task.loss(outputs, targets).mean()
        value = float(loss.detach())
        if not isfinite(value):
            people = sorted({who.participant_id for who in batch.whose})
            msg = f"the loss is not a number ({value}) in epoch {self.epoch}, step {self.step} ({', '.join(people)}). Its last good state is kept; going on from it gives the same. Train again into another folder, with a smaller learning rate (--optimization.optimizer.learning_rate)."
            raise DivergenceError(msg)
        self._optimizer.zero_grad()
        self._fabric.backward(loss)
        self._optimizer.step()
        self._whose += batch.whose
        self._said.append(self.task.read(plain(outputs), targets))
        self.step += 1
        return Step(self.epoch, self.step - 1, value)

    def close_epoch(self, validation: PredictionTable) -> Epoch:
        """End the epoch: what it showed becomes a table, and the next begins."""
        training = tabulate(self._whose, self._said, validation.part)
        closed = Epoch(self.epoch, self.step, training, validation)
        self.epoch, self.step = self.epoch + 1, 0
        self._whose, self._said = [], []
        return closed

    def is_sound(self) -> bool:
        """Tell whether everything the network holds is a number."""
        return all(bool(torch.isfinite(value).all()) for value in self.network.state_dict().values())

    def weights(self) -> dict[str, Tensor]:
        """Give the network's state, contiguous, in main memory."""
        return {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """Give everything that decides how the training goes on: tensors, numbers and text only.

        The tensors are the training's own and move on with it: save them before the next step.
        """
        return {
            "network": self.weights(),
            "optimizer": self._optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "whose": [tuple(who) for who in self._whose],
            "scaler": self._fabric.strategy.precision.state_dict(),  # of gradients, in half precision
            "said": [{name: _kept(values) for name, values in one.items()} for one in self._said],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a training where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._fabric.strategy.precision.load_state_dict(state["scaler"])
        self.epoch, self.step = state["epoch"], state["step"]
        self._whose = [Whose(*who) for who in state["whose"]]
        self._said = [{name: _taken(values) for name, values in one.items()} for one in state["said"]]


def _kept(values: NDArray[Any]) -> Tensor | list[Any]:
    """Give a column of a table as what a state may hold: numbers as a tensor, text as a list."""
    return values.tolist() if values.dtype.kind in "OUS" else torch.from_numpy(values)


def _taken(values: Tensor | list[Any]) -> NDArray[Any]:
    return np.array(values, dtype=object) if isinstance(values, list) else values.numpy()


def _is_3d(network: nn.Module) -> bool:
    return any(parameter.ndim == 5 for parameter in network.parameters())  # noqa: PLR2004  (kernels with three axes)
