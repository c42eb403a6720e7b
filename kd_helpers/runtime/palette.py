"""Okabe and Ito's palette: colours that are distinct under the common kinds of colour blindness."""

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
# Ten of the same kind: seaborn's "colorblind", without the second that seaborn's import takes.
TEN = [
    "#0173b2",
    "#de8f05",
    "#029e73",
    "#d55e00",
    "#cc78bc",
    "#ca9161",
    "#fbafe4",
    "#949494",
    "#ece133",
    "#56b4e9",
]
GREY, BLACK, PALE = "#8c8c8c", "#222222", "#e4e4e4"
