"""Okabe and Ito's palette: colours that are distinct under the common kinds of colour blindness."""

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
GREY, BLACK, PALE = "#8c8c8c", "#222222", "#e4e4e4"
