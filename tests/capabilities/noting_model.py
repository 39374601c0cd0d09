"""A model that writes down each time it is loaded; in a module that workers import quickly."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd


class NotesLoads:
    """A model that writes down each time it is loaded."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        with open(os.path.join(self.folder, str(os.getpid())), "a") as file:
            file.write("loaded\n")

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return frame.sum(axis=1).to_numpy()


class NotesRows:
    """A model that writes down each call with rows of the frame, which begin at ``first``."""

    first = 1000.0

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        if (frame["f0"] >= self.first).any():
            with open(os.path.join(self.folder, str(os.getpid())), "a") as file:
                file.write("called\n")
        return (frame["f0"] * frame["f1"]).to_numpy()
