"""Plots of copy-number data as SVG: numbers in, text out.  Pure, and the same bytes for the same numbers.

`parameters` reads what a request says of a plot, `svg` writes elements and text that is safe whatever it holds, `axis`
places chromosomes side by side, `histogram` draws frequencies in genome bins, `samples` the segments of single samples.
"""
