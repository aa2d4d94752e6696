"""The publication pack: one folder, or one zip, of everything that goes with a published trial."""

from app.publishing.pack import pack, to_folder, to_zip, zipped

__all__ = ["pack", "to_folder", "to_zip", "zipped"]
