"""Chapter 12: words and their families, beam search, error rates, the loss of a word."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from kd_course.nb12_sequences.beam import search, spell
from kd_course.nb12_sequences.checks import (
    check_nearest_hypothesis,
    check_phoneme_error_rate,
    check_token_loss,
)
from kd_course.nb12_sequences.error_rates import edit_distance, errors, phoneme_error_rate
from kd_course.nb12_sequences.network import Speller
from kd_course.nb12_sequences.per_token import PerToken
from kd_course.nb12_sequences.words import (
    CLASSES,
    END,
    PHONEMES,
    PLACES,
    dictionary,
    encode,
    letters_of,
    splits,
)
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods import HintonKD

VOWEL_LETTERS = "aeiou"


def inflections(word: str) -> set[str]:
    """The forms that English grammars list for nouns, verbs and adjectives, right or not."""
    found = {word + end for end in ("s", "es", "ed", "er", "ers", "ing", "ings", "est", "ly")}
    if word.endswith("y"):
        found |= {word[:-1] + end for end in ("ies", "ied", "ier", "iers", "iest", "ily", "iness")}
    if word.endswith("e"):
        found |= {word + end for end in ("d", "r", "rs", "st")}
        found |= {word[:-1] + end for end in ("ing", "ings", "y")}
    if word[-1] not in VOWEL_LETTERS:
        found |= {word + word[-1] + end for end in ("ed", "er", "ers", "ing", "ings", "est")}
    return found & dictionary().keys()


def test_no_inflection_of_a_training_word_is_held_out():
    part_of = {word: part for part, words in splits().items() for word in words}
    assert len(part_of) == len(dictionary()) == sum(map(len, splits().values()))
    assert min(len(words) for words in splits().values()) >= 2000
    apart = [
        (word, form)
        for word, part in part_of.items()
        for form in inflections(word)
        if part_of[form] != part
    ]
    assert not apart
    assert "hopping" in inflections("hop") and "cities" in inflections("city")


def test_the_dictionary_is_read_as_published():
    assert dictionary()["ward"] == (("W", "AO", "R", "D"),)  # no stress
    assert len(dictionary()["tomato"]) == 2  # both ways, and no third by another stress
    assert {p for ways in dictionary().values() for way in ways for p in way} == set(PHONEMES)
    told = encode(["ward"], [dictionary()["ward"][0]])
    assert [PHONEMES[k] for k in told.labels[0, :4]] == ["W", "AO", "R", "D"]
    assert told.labels[0, 4] == END and (told.labels[0, 5:] == UNLABELLED).all()
    assert (told.images[0, 1, 1:5] == told.labels[0, :4]).all()  # each place sees those before it
    for wrong in ("", "don't", "route66", "pneumonoultra", "Ward"):
        with pytest.raises(ValueError, match="expected 1 to 10 letters a to z"):
            letters_of([wrong])


def test_beam_search_finds_what_brute_force_finds():
    torch.manual_seed(0)
    tokens, end, most = 4, 3, 4
    tables = torch.randn(6, tokens + 1, tokens).log_softmax(dim=-1)  # by word and token before

    def step(last, states):
        return tables[states[0], last], states

    for width in (1, 3, 200):
        beam = search(step, (torch.arange(6),), width, end, most)
        for word, table in enumerate(tables):
            scored = {}
            for length in range(most):
                for body in itertools.product(range(end), repeat=length):
                    path = (tokens, *body, end)
                    pairs = itertools.pairwise(path)
                    scored[body] = sum(table[a, b].item() for a, b in pairs)
            best = sorted(scored.values(), reverse=True)
            there = int(beam.scores[word].isfinite().sum())
            kept = [tuple(beam.phonemes(word, place, end)) for place in range(there)]
            assert len(set(kept)) == len(kept)  # no hypothesis twice
            told = torch.tensor([scored[s] for s in kept])
            assert torch.allclose(told, beam.scores[word, : len(kept)], atol=1e-5)
            if width == 200:  # as wide as all sequences: exact
                assert torch.allclose(told, torch.tensor(best)[: len(kept)], atol=1e-5)
                assert len(kept) == len(scored)


def test_greedy_is_the_most_probable_phoneme_at_each_place():
    torch.manual_seed(1)
    speller, letters = Speller(8), letters_of(["cat", "elephants"])
    with torch.no_grad():
        speller.answer.weight.mul_(20)
    beam = spell(speller, letters, 1)
    for word, row in enumerate(beam.tokens[:, 0].tolist()):
        before = torch.full((1, PLACES), END)
        before[0, 0] = CLASSES
        for place in range(PLACES - 1):
            words = torch.stack([letters[word : word + 1].long(), before], dim=1)
            logits = speller(words).reshape(PLACES, CLASSES)
            assert row[place] == logits[place].argmax()
            if row[place] == END:
                break
            before[0, place + 1] = row[place]


def test_edit_distance_against_a_plain_recursion():
    def slow(a, b):
        if not a or not b:
            return len(a) + len(b)
        same = slow(a[1:], b[1:]) + (a[0] != b[0])
        return min(same, 1 + slow(a[1:], b), 1 + slow(a, b[1:]))

    words = ["", "a", "ab", "ba", "kitten", "sitting", "abba", "sit"]
    for a, b in itertools.product(words, repeat=2):
        assert edit_distance(a, b) == slow(a, b)
    assert errors("sit", ["kitten", "sat"]) == (1, 3)
    assert phoneme_error_rate([errors("ab", ["abcd"]), errors("xy", ["xy"])]) == 100 * 2 / 6


def test_the_word_level_loss_against_a_loop_over_places():
    torch.manual_seed(2)
    labels = encode(["cat", "ward"], [("K", "AE", "T"), ("W", "AO", "R", "D")]).labels
    student, teacher = torch.randn(2, 2, PLACES * CLASSES)
    method = PerToken(HintonKD(temperature=2.0, kd_weight=0.3))
    got = method(student.requires_grad_(), teacher, labels)["loss"]
    ce, kd = [], []
    for word, length in enumerate((4, 5)):  # the end is a place too
        for place in range(length):
            cut = slice(place * CLASSES, (place + 1) * CLASSES)
            q, p = student[word, cut], (teacher[word, cut] / 2).softmax(0)
            ce.append(-q.log_softmax(0)[labels[word, place]])
            kd.append(4 * F.kl_div((q / 2).log_softmax(0), p, reduction="sum"))
    expected = 0.7 * torch.stack(ce).mean() + 0.3 * torch.stack(kd).mean()
    assert torch.allclose(got, expected, rtol=1e-5)


def test_the_exercises_tell_right_answers_and_known_mistakes():
    def loss(student, teacher, labels, T, factor=2, keep=True):
        there = labels != UNLABELLED if keep else torch.ones_like(labels, dtype=torch.bool)
        q, p = student[there].div(T).log_softmax(-1), teacher[there].div(T).softmax(-1)
        return T**factor * (p * (p.log() - q)).sum(-1).mean()

    assert check_token_loss(loss).startswith("[ok] right")
    assert "T² is missing" in check_token_loss(lambda *given: loss(*given, factor=0))
    assert "leave out those labelled" in check_token_loss(lambda *given: loss(*given, keep=False))

    def rate(said, true, of=lambda said, true: true):
        edits = sum(edit_distance(a, b) for a, b in zip(said, true, strict=True))
        return 100 * edits / sum(map(len, of(said, true)))

    assert check_phoneme_error_rate(rate).startswith("[ok] right")
    wrong = check_phoneme_error_rate(lambda *given: rate(*given, of=lambda said, true: said))
    assert "divide by what is right" in wrong

    def place(beam, truth, pick=min):
        edits = [edit_distance(one, truth) for one in beam]
        return edits.index(pick(edits))

    assert check_nearest_hypothesis(place).startswith("[ok] right")
    assert "farthest" in check_nearest_hypothesis(lambda *given: place(*given, pick=max))
    assert "the teacher's best" in check_nearest_hypothesis(lambda beam, truth: 0)
