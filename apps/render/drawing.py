"""A drawing of lines, dots and words, written once and shown as SVG or as PNG.

SVG is text and needs nothing; PNG is drawn by Pillow at three times the size and reduced, which smooths its lines.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape

Point = tuple[float, float]
_SCALE = 3
_FONT = "Helvetica, Arial, sans-serif"


class Drawing:
    """A canvas; coordinates in pixels from the top left, colours as #rrggbb."""

    def __init__(self, width: int, height: int, ground: str) -> None:
        self.width, self.height, self.ground = width, height, ground
        self._lines: list[tuple[tuple[Point, ...], str, float]] = []
        self._dots: list[tuple[Point, float, str]] = []
        self._boxes: list[tuple[float, float, float, float, str]] = []
        self._words: list[tuple[Point, str, float, str, str, bool]] = []

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """A filled rectangle; boxes lie under everything."""
        self._boxes.append((left, top, right, bottom, colour))

    def line(self, points: Sequence[Point], colour: str, width: float = 1.0) -> None:
        """A line through points."""
        self._lines.append((tuple(points), colour, width))

    def dot(self, at: Point, radius: float, colour: str) -> None:
        """A filled circle."""
        self._dots.append((at, radius, colour))

    def words(self, at: Point, text: str, size: float, colour: str, anchor: str = "start", bold: bool = False) -> None:
        """Text on its baseline; `anchor` is start, middle or end."""
        self._words.append((at, text, size, colour, anchor, bold))

    def svg(self) -> str:
        """One <svg> element."""
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" font-family="{_FONT}">',
            f'<rect width="{self.width}" height="{self.height}" fill="{self.ground}"/>',
        ]
        for left, top, right, bottom, colour in self._boxes:
            size = f'width="{right - left:.1f}" height="{bottom - top:.1f}"'
            parts.append(f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="{colour}"/>')
        for points, colour, width in self._lines:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            style = f'fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linejoin="round"'
            parts.append(f'<polyline points="{path}" {style}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:g}" fill="{colour}"/>' for (x, y), r, colour in self._dots]
        for (x, y), text, points_size, colour, anchor, bold in self._words:
            style = f'font-size="{points_size:g}" fill="{colour}" text-anchor="{anchor}"'
            weight = ' font-weight="600"' if bold else ""
            parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {style}{weight}>{escape(text)}</text>')
        return "\n".join([*parts, "</svg>"])

    def png(self) -> bytes:
        """The image as a PNG file."""
        from PIL import Image, ImageDraw, ImageFont  # late: only pictures need it

        n = _SCALE
        image = Image.new("RGB", (n * self.width, n * self.height), self.ground)
        draw = ImageDraw.Draw(image)
        for left, top, right, bottom, colour in self._boxes:
            draw.rectangle((n * left, n * top, n * right, n * bottom), fill=colour)
        for points, colour, width in self._lines:
            path = [(n * x, n * y) for x, y in points]
            draw.line(path, fill=colour, width=max(round(n * width), 1), joint="curve")
        for (x, y), radius, colour in self._dots:
            draw.ellipse((n * (x - radius), n * (y - radius), n * (x + radius), n * (y + radius)), fill=colour)
        anchors = {"start": "ls", "middle": "ms", "end": "rs"}
        for (x, y), text, size, colour, anchor, bold in self._words:
            font = ImageFont.load_default(n * size)
            stroke = 1 if bold else 0
            draw.text((n * x, n * y), text, font=font, fill=colour, anchor=anchors[anchor], stroke_width=stroke)
        held = io.BytesIO()
        image.resize((self.width, self.height), Image.Resampling.LANCZOS).save(held, "PNG", optimize=True)
        return held.getvalue()
