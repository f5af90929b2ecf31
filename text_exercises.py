"""Wrong answers for the exercise `same` of the section on text to image."""

from companion.adversarial.captions import meaning, read_caption


def compares_words(caption, other):
    return caption == other


def any_order_of_words(caption, other):
    return sorted(caption.split()) == sorted(other.split())


def same_objects_alone(caption, other):
    return sorted(read_caption(caption)[0]) == sorted(read_caption(other)[0])


def forgets_to_exchange_the_objects(caption, other):
    objects, relation = read_caption(caption)
    others, another = read_caption(other)
    return objects == others and relation // 2 == another // 2


def always_exchanges(caption, other):
    objects, relation = read_caption(caption)
    others, another = read_caption(other)
    return objects == others[::-1] and relation != another


def layout_alone(caption, other):
    layout, _ = meaning([caption, other])
    return bool(layout[0] == layout[1])


WRONG = {
    "same": [
        compares_words,
        any_order_of_words,
        same_objects_alone,
        forgets_to_exchange_the_objects,
        always_exchanges,
        layout_alone,
    ]
}
