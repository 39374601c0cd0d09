"""Pages of pictures, PDFs and DICOM files: their words, and copies with parts painted over."""
