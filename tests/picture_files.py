"""Picture files of every kind, written for tests: four colours, one in each quarter."""

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

QUARTERS = np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]], np.uint8)
# How an upright picture lies in a file of each EXIF orientation.
STORED = {
    1: lambda p: p,
    2: np.fliplr,
    3: lambda p: np.rot90(p, 2),
    4: np.flipud,
    5: lambda p: np.swapaxes(p, 0, 1),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: np.swapaxes(np.rot90(p, 2), 0, 1),
    8: lambda p: np.rot90(p, 3),
}


def quarters(height: int = 30, width: int = 40) -> np.ndarray:
    """(H, W, 3) uint8: red and green above blue and white."""
    rows, columns = (np.arange(n) * 2 // n for n in (height, width))
    return QUARTERS[rows[:, None], columns[None, :]]


def colour_files(folder: Path) -> list[Path]:
    """The four colours in every format, mode and orientation that keeps colours."""
    rgb, paths = Image.fromarray(quarters()), []

    def save(picture: Image.Image, name: str, **options) -> None:
        paths.append(folder / name)
        picture.save(folder / name, **options)

    for ending in ("png", "jpg", "webp", "bmp", "tif", "gif", "ppm", "jp2", "tga", "ico"):
        save(rgb, f"rgb.{ending}", **({"quality": 95} if ending in ("jpg", "webp") else {}))
    save(rgb.quantize(8), "palette.png")
    save(rgb.convert("CMYK"), "cmyk.jpg", quality=95)
    save(rgb.convert("CMYK"), "cmyk.tif", compression="tiff_lzw")
    save(rgb, "progressive.jpg", quality=95, progressive=True)
    save(rgb.resize((4000, 3000), Image.Resampling.NEAREST), "large.jpg", quality=95)
    for orientation, stored in STORED.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = Image.fromarray(np.ascontiguousarray(stored(quarters())))
        save(turned, f"turned {orientation}.jpg", exif=exif, quality=95)
    frames = [rgb, Image.new("RGB", rgb.size, "black")]
    for name in ("moving.gif", "moving.png", "moving.webp"):
        save(frames[0], name, save_all=True, append_images=frames[1:], quality=95)
    save(rgb, "two pages.tif", save_all=True, append_images=frames[1:])
    return paths


def transparent_files(folder: Path) -> list[Path]:
    """The white quarter is not there; below, black or blue would show."""
    rgba = np.dstack([quarters(), np.full((30, 40), 255, np.uint8)])
    rgba[15:, 20:] = (0, 0, 200, 0)
    picture, names = Image.fromarray(rgba), ("rgba.png", "rgba.webp", "rgba.tif", "rgba.gif")
    for name in names:
        picture.save(folder / name, **({"lossless": True} if name.endswith("webp") else {}))
    palette = Image.fromarray(rgba[..., :3]).quantize(8)
    palette.save(folder / "palette.png", transparency=palette.getpixel((39, 29)))
    Image.fromarray(rgba[..., :3]).save(folder / "key.png", transparency=(0, 0, 200))
    return [folder / name for name in (*names, "palette.png", "key.png")]


def hostile_files(folder: Path) -> dict[str, str]:
    """Files that are no pictures, whatever they are called: name → what is said of it."""
    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    Image.fromarray(noise).save(whole, "JPEG")
    with zipfile.ZipFile(folder / "archive.png", "w") as archive:
        archive.writestr("a.txt", "a")
    contents = {
        "empty.png": (b"", "empty, 0 bytes"),
        "page.jpg": (b"<!DOCTYPE html><html>404</html>", "a web page"),
        "pointer.jpg": (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        "notes.txt": (b"sunny weather", "a file of another kind"),
        "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        "bomb.png": (png(12_000, 10_000), "12,000×10,000 pixels: a decompression bomb"),
        "larger bomb.png": (png(50_000, 50_000), "a decompression bomb"),
    }
    for kind in ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF"):
        file = io.BytesIO()
        Image.fromarray(noise).save(file, kind)
        contents[f"short.{kind.lower()}"] = (file.getvalue()[: file.tell() // 2], "")
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    return {"archive.png": "a zip archive"} | {name: said for name, (_, said) in contents.items()}


def png(width: int, height: int) -> bytes:
    """A PNG file of this size, by its own words: there are hardly any pixels in it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def picture(path: Path, seed: int, size: tuple[int, int] = (12, 9)) -> Path:
    """A file of random pixels, the same for the same seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pile(root: Path, first: int = 0, **counts: int) -> Path:
    """A folder for each class with so many different pictures."""
    for k, (name, count) in enumerate(counts.items()):
        for n in range(count):
            picture(root / name / f"{n}.png", first + 1000 * k + n)
    return root


def table(dataset) -> dict[str, list[int]]:
    """How many pictures of each class are in each split."""
    parts = {part: getattr(dataset, part) for part in ("train", "val", "test")}
    count = len(dataset.classes)
    return {part: split.labels.bincount(minlength=count).tolist() for part, split in parts.items()}


def pixels(split) -> set[bytes]:
    return {image.numpy().tobytes() for image in split.images}


def write_table(path: Path, images: np.ndarray, labels: list, names: list | None = None) -> None:
    """A Parquet file as the hub writes it: pictures (N, 3, H, W), and the names of the labels."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image.transpose(1, 2, 0)).save(file, "PNG")
        cells.append({"bytes": file.getvalue(), "path": None})
    content = pa.table({"image": cells, "label": labels, "note": ["x"] * len(cells)})
    features = {"label": {"names": names, "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    about = {b"huggingface": json.dumps({"info": {"features": features if names else {}}}).encode()}
    path.parent.mkdir(exist_ok=True)
    pq.write_table(content.replace_schema_metadata(about), path, row_group_size=7)
