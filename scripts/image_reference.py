"""What PIL makes of image files of many forms, for the tests of `zoo_data::image`.

Written are the files themselves, as small as they can be and still show what is special
about them, and the pixels of `Image.open(...).convert("RGB")`. The JPEGs are made by
`cjpeg` of libjpeg-turbo (Debian's package libjpeg-turbo-progs), which takes sampling
factors, scripts of scans and restart intervals.
"""

import io
import json
import os
import struct
import subprocess
import tempfile
import zlib

import numpy as np
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUTPUT = os.path.join(ROOT, "zoo-data", "tests", "golden", "images.json")

# Neither side is a multiple of a block, and several blocks of colours lie in each.
WIDTH, HEIGHT = 37, 21
SEPARATE = "0;\n1;\n2;\n"
PLAIN = "0,1,2: 0-0,0,0;\n0: 1-63,0,0;\n1: 1-63,0,0;\n2: 1-63,0,0;\n"
APART = "0: 0-0,0,0;\n2: 0-0,0,0;\n1: 0-0,0,0;\n0: 1-63,0,1;\n1: 1-63,0,0;\n2: 1-63,0,0;\n0: 1-63,1,0;\n"
# Name, sampling factors, script of scans or further flags.
JPEGS = [
    ("444", "1x1", None, []),
    ("422", "2x1", None, []),
    ("420", "2x2", None, []),
    ("440", "1x2", None, []),
    ("420 restart", "2x2", None, ["-restart", "1B"]),
    ("411", "4x1", None, []),
    ("410", "4x2", None, []),
    ("441", "1x4", None, []),
    ("3x1", "3x1", None, []),
    ("colours finer than light", "1x1,2x2,2x2", None, []),
    ("colours finer across", "1x1,2x1,2x1", None, []),
    ("two colours differ", "2x2,2x1,1x2", None, []),
    ("odd factors", "3x2,1x2,1x1", None, []),
    ("444 all doubled", "2x2,2x2,2x2", SEPARATE, []),
    ("444 separate", "1x1", SEPARATE, []),
    ("444 separate restart", "1x1", SEPARATE, ["-restart", "2B"]),
    ("422 separate", "2x1", SEPARATE, []),
    ("420 separate", "2x2", SEPARATE, []),
    ("420 separate restart", "2x2", SEPARATE, ["-restart", "1B"]),
    ("440 separate", "1x2", SEPARATE, []),
    ("420 separate, colours first", "2x2", "2;\n1;\n0;\n", []),
    ("420 mixed", "2x2", "0;\n1,2;\n", []),
    ("444 mixed", "1x1", "0,1;\n2;\n", ["-restart", "3B"]),
    ("420 progressive", "2x2", None, ["-progressive"]),
    ("420 progressive restart", "2x2", None, ["-progressive", "-restart", "1B"]),
    ("444 progressive plain", "1x1", PLAIN, []),
    ("422 progressive apart", "2x1", APART, []),
    ("grey", "1x1", None, ["-grayscale"]),
    ("grey doubled", "2x2", None, ["-grayscale", "-restart", "1B"]),
    ("grey progressive", "1x1", None, ["-grayscale", "-progressive"]),
    ("RGB", "1x1", None, ["-rgb"]),
    ("RGB separate", "1x1", SEPARATE, ["-rgb"]),
]


def picture():
    """Slopes in each channel, and stripes of a colour with hard edges."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.stack([3 * x + 2 * y + 60, 250 - 6 * y - x, 40 + 4 * x + y], -1).astype(np.uint8)
    pixels[(x // 7 + y // 5) % 3 == 0] = [230, 40, 60]
    return Image.fromarray(pixels)


def jpegs(image):
    """Files by `cjpeg`, and what no encoder at hand writes, put together by hand."""
    with tempfile.TemporaryDirectory() as folder:
        source, script = os.path.join(folder, "in.ppm"), os.path.join(folder, "scans.txt")
        image.save(source)
        for name, sampling, scans, flags in JPEGS:
            command = ["cjpeg", "-quality", "85", "-sample", sampling, *flags]
            if scans:
                with open(script, "w") as file:
                    file.write(scans)
                command += ["-scans", script]
            yield f"JPEG {name}", subprocess.run([*command, source], check=True, capture_output=True).stdout
    for name, options in [("", {}), (" 420", {"subsampling": 2}), (" progressive", {"progressive": True})]:
        yield f"JPEG CMYK{name}", saved(image.convert("CMYK"), "JPEG", **options)
    plain = saved(image, "JPEG", quality=85, subsampling=0)
    # Adobe's segment with transform 0 says RGB where there is no JFIF segment, and nothing where there is one.
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
    length = 4 + int.from_bytes(plain[4:6], "big")
    yield "JPEG Adobe's RGB", plain[:2] + adobe + plain[length:]
    yield "JPEG JFIF before Adobe", plain[:length] + adobe + plain[length:]
    yield "JPEG neither JFIF nor Adobe", plain[:2] + plain[length:]


def saved(image, kind, **options):
    """The file that PIL writes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def others(image):
    """Formats and forms that PIL writes itself."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    alpha = Image.fromarray(((x * 7 + y * 5) % 256).astype(np.uint8))
    with_alpha = image.copy()
    with_alpha.putalpha(alpha)
    grey, palette = image.convert("L"), image.quantize(16)
    yield "PNG RGB", saved(image, "PNG")
    yield "PNG RGBA", saved(with_alpha, "PNG")
    yield "PNG grey", saved(grey, "PNG")
    yield "PNG grey and alpha", saved(with_alpha.convert("LA"), "PNG")
    yield "PNG 1 bit", saved(image.convert("1"), "PNG")
    yield "PNG palette", saved(palette, "PNG")
    yield "PNG palette of 2 bits", saved(image.quantize(4), "PNG", bits=2)
    yield "PNG palette, one transparent", saved(palette, "PNG", transparency=3)
    yield "PNG palette with alpha", saved(palette, "PNG", transparency=bytes(range(16)))
    yield "PNG grey, one transparent", saved(grey, "PNG", transparency=100)
    yield "PNG RGB, one transparent", saved(image, "PNG", transparency=(230, 40, 60))
    png = saved(image, "PNG")
    gamma = b"\x00\x00\x00\x04gAMA\x00\x00\xb1\x8f\x0b\xfc\x61\x05"
    yield "PNG with gamma", png[:33] + gamma + png[33:]
    yield "PNG without an end", png[:-12]
    yield "PNG interlaced", interlaced(image)
    yield "WebP lossy", saved(image, "WEBP", quality=80)
    yield "WebP lossless", saved(image, "WEBP", lossless=True)
    yield "WebP with alpha", saved(with_alpha, "WEBP", lossless=True, exact=True)
    yield "WebP animation", saved(image, "WEBP", save_all=True, append_images=[image.rotate(180)], lossless=True)
    yield "GIF", saved(palette, "GIF")
    yield "GIF interlaced", saved(palette, "GIF", interlace=1)
    yield "GIF, one transparent", saved(palette, "GIF", transparency=3)
    yield "GIF animation", saved(palette, "GIF", save_all=True, append_images=[palette.rotate(180)])
    yield "GIF smaller than its screen", inset(saved(palette.crop((0, 0, 20, 12)), "GIF"))
    yield "BMP", saved(image, "BMP")
    yield "BMP palette", saved(palette, "BMP")
    yield "BMP grey", saved(grey, "BMP")
    yield "BMP 1 bit", saved(image.convert("1"), "BMP")
    yield "BMP 32 bits", saved(with_alpha, "BMP")
    bmp = bytearray(saved(image, "BMP"))
    bmp[22:26] = (-HEIGHT).to_bytes(4, "little", signed=True)
    yield "BMP from above", bytes(bmp)


def interlaced(image):
    """Seven passes over the picture, as PIL reads and does not write them."""
    pixels = np.asarray(image)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = [row for x, y, across, down in passes for row in pixels[y::down, x::across]]
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", *image.size, 8, 2, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    sum_of = lambda name, content: struct.pack(">I", zlib.crc32(name + content))
    parts = [struct.pack(">I", len(content)) + name + content + sum_of(name, content) for name, content in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def inset(gif):
    """The same picture within a larger screen."""
    gif = bytearray(gif)
    gif[6:10] = WIDTH.to_bytes(2, "little") + HEIGHT.to_bytes(2, "little")
    at = gif.index(b"\x2c\x00\x00\x00\x00\x14\x00\x0c\x00")
    gif[at + 1 : at + 5] = b"\x05\x00\x03\x00"
    return bytes(gif)


def main():
    files, pixels = {}, []
    for name, content in [*jpegs(picture()), *others(picture())]:
        image = Image.open(io.BytesIO(content)).convert("RGB")
        found = [*image.size, image.tobytes().hex()]
        if found not in pixels:
            pixels.append(found)
        files[name] = [pixels.index(found), content.hex()]
    with open(OUTPUT, "w") as file:
        json.dump({"files": files, "pixels": pixels}, file, indent=0)
        file.write("\n")
    print(f"{OUTPUT}: {len(files)} files, {os.path.getsize(OUTPUT)} bytes")


if __name__ == "__main__":
    main()
