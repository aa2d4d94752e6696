"""The experiment's document as a form, and back: pure, and nothing is lost on the way.

`fields_of` fills the form from a document, `read` makes the document of the form. For every valid document
`read(fields_of(document)).document == spec.parse(document).document()`.
"""

from experiments.forms.carrying import carries
from experiments.forms.changing import changed, padded
from experiments.forms.filling import fields_of
from experiments.forms.reading import Form, read, rows
from experiments.forms.shape import Fields

__all__ = ["Fields", "Form", "carries", "changed", "fields_of", "padded", "read", "rows"]
