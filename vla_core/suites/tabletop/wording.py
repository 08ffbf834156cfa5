"""How tasks are told: as every demonstration tells them, or in words that none does.

After OpenHelix's enriched instructions (CALVIN-E, arXiv 2505.03912): verbs, nouns and their order
change; colours keep their names, as only they tell the blocks apart. They are no
`SuiteTask.paraphrases`: the words of those are in the vocabulary of every policy that is trained in
a suite, and these are to be new.
"""

from __future__ import annotations

#: Of a block's and a pad's colour, and of what the block is called.
USUAL_WORDS = ("put the {block} {noun} on the {pad} pad",)
PARAPHRASES = (
    "place the {block} cube on the {pad} mat",
    "move the {block} block over to the {pad} pad",
    "set the {block} brick down on the {pad} square",
    "take the {block} cube and leave it on the {pad} tile",
    "could you bring the {block} block to the {pad} one please",
    "the {block} cube belongs on the {pad} pad",
    "lay the {block} box onto the {pad} target",
    "grab the {block} thing and drop it at the {pad} place",
    "on the {pad} pad put the {block} block",
    "let the {pad} mat carry the {block} cube",
)
