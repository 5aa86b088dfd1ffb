"""Where a mutant goes in a source file, and the file with all of them: for `mutants.py`."""

import re


CONSTANT = {
    "const_item", "static_item", "array_type", "const_block", "enum_variant", "macro_definition",
    "range_pattern", "attribute_item", "type_arguments",
}


class Site:
    """A piece of a file that is written in more than one way.

    `kind` is `body` (an early return at the start of a function), `iterator` (the body of a
    function whose type has no name), `const` (the word, without which a function can read a
    switch), `arm` (a guard that turns an arm of a `match` off) or `whole` (the expression has
    other forms). `forms` are pairs of a mutant's number and its text. Of sites at one place
    the lower `rank` is outside.
    """

    def __init__(self, kind: str, start: int, end: int, rank: int):
        self.kind, self.start, self.end, self.rank = kind, start, end, rank
        self.forms: list[tuple[int, str]] = []

    def order(self) -> tuple:
        return (self.start, self.end > self.start, -self.end, self.rank)

    def write(self, inner: str) -> str:
        """The code of the site, with marks that tell where each mutant is."""
        numbers = ", ".join(str(number) for number, _ in self.forms)
        if self.kind == "body":
            return "".join(
                f" /*<{n}*/if crate::mutant::on({n}) {{ return {text}; }}/*>{n}*/" for n, text in self.forms
            )
        if self.kind == "const":
            return ""
        if self.kind == "iterator":
            text = f"{{ {inner} }}"
            for n, form in reversed(self.forms):
                other = f"crate::mutant::Either::A(/*<{n}*/{form}/*>{n}*/)"
                text = f"if crate::mutant::on({n}) {{ {other} }} else {{ crate::mutant::Either::B({text}) }}"
            return text
        if self.kind == "arm":
            off = f"/*<{numbers}*/!crate::mutant::on({numbers})/*>{numbers}*/"
            return f"{off} && {inner}" if inner else f" if {off}"
        forms = f"if crate::mutant::off(&[{numbers}]) {{ {inner} }}"
        for n, text in self.forms[:-1]:
            forms += f" else if crate::mutant::on({n}) {{ /*<{n}*/({text})/*>{n}*/ }}"
        n, text = self.forms[-1]
        return f"/*[{numbers}*/({forms} else {{ /*<{n}*/({text})/*>{n}*/ }})/*]{numbers}*/"


def inside(node, kinds: set[str]):
    """The nearest node of these kinds that has `node` in it, or None."""
    while node is not None and node.type not in kinds:
        node = node.parent
    return node


def has_let(node) -> bool:
    return node.type in ("let_condition", "let_chain") or any(has_let(child) for child in node.children)


def is_constant(node) -> bool:
    """Whether the compiler runs the code, so that no switch can be read."""
    child = None
    while node is not None and node.type != "function_item":
        is_length = node.type == "array_expression" and child == node.child_by_field_name("length")
        if node.type in CONSTANT or (child is not None and is_length):
            return True
        node, child = node.parent, node
    return False


def word_const(node) -> Site | None:
    """The word `const` of the function that has `node` in it."""
    function = inside(node, {"function_item"})
    for child in function.children if function else []:
        if child.type == "function_modifiers" and (found := re.search(rb"\bconst\b", child.text)):
            return Site("const", child.start_byte + found.start(), child.start_byte + found.end(), 0)
    return None


def place(one: dict, tree, source: bytes, starts: list[int]) -> list[Site] | str:
    """Where the mutant goes, and what else changes for it; or why it goes nowhere."""

    def offset(point: dict) -> int:
        line = starts[point["line"] - 1]
        return line + len(source[line:].split(b"\n", 1)[0].decode()[: point["column"] - 1].encode())

    start, end = offset(one["span"]["start"]), offset(one["span"]["end"])
    leaf = tree.root_node.descendant_for_byte_range(start, end)
    if is_constant(leaf):
        return "constant"
    site = place_at(one, leaf, source, start, end)
    others = [other] if (other := word_const(leaf)) else []
    return site if isinstance(site, str) else [site, *others]


def place_at(one: dict, leaf, source: bytes, start: int, end: int) -> Site | str:
    """The site of the mutant of the code from `start` to `end`, which `leaf` has in it."""
    genre, number = one["genre"], one["number"]

    def whole(node, rank: int) -> Site:
        text = source[node.start_byte : start] + one["replacement"].encode() + source[end : node.end_byte]
        site = Site("whole", node.start_byte, node.end_byte, rank)
        site.forms.append((number, text.decode()))
        return site

    if genre == "FnValue":
        function = inside(leaf, {"function_item"})
        if function is None:
            return "no function"
        body = function.child_by_field_name("body")
        at = body.start_byte + 1
        if re.fullmatch(r"-> impl Iterator<.*>", one["function"]["return_type"]):
            site = Site("iterator", at, body.end_byte - 1, 0)
        elif re.search(r"\bimpl\b", one["function"]["return_type"]):
            return "a type without a name"
        else:
            site = Site("body", at, at, 0)
        site.forms.append((number, one["replacement"]))
        return site
    if genre == "BinaryOperator":
        node = leaf.parent
        fits = node.type in ("binary_expression", "compound_assignment_expr")
        return whole(node, 2) if fits and not has_let(node) else "let"
    if genre == "UnaryOperator":
        return whole(inside(leaf, {"unary_expression"}), 2)
    if genre == "StructField":
        return whole(inside(leaf, {"struct_expression"}), 2)
    arm = inside(leaf, {"match_arm"})
    pattern = arm.child_by_field_name("pattern")
    guard = pattern.child_by_field_name("condition")
    if genre == "MatchArmGuard":
        return "let" if has_let(guard) else whole(guard, 1)
    if genre == "MatchArm":
        end_of_pattern = pattern.end_byte
        site = Site("arm", *((guard.start_byte, guard.end_byte) if guard else (end_of_pattern,) * 2), 0)
        site.forms.append((number, ""))
        return site
    return "unknown genre"


def render(source: bytes, sites: list[Site], start: int, end: int) -> str:
    """The text from `start` to `end` with the sites in it, which are in their order.

    A mutated form holds the plain text, since one mutant alone is on at a time.
    """
    text, at, index = "", start, 0
    while index < len(sites):
        site, last = sites[index], index + 1
        while last < len(sites) and sites[last].start < site.end:
            last += 1
        text += source[at : site.start].decode()
        text += site.write(render(source, sites[index + 1 : last], site.start, site.end))
        at, index = site.end, last
    return text + source[at:end].decode()


def with_mutants(parser, source: bytes, mutants: list[dict]) -> tuple[bytes, dict[str, str]]:
    """The file with these mutants behind their switches; why others were not made, by key."""
    tree = parser.parse(source)
    starts = [0] + [match.end() for match in re.finditer(b"\n", source)]
    sites, not_made = {}, {}
    for one in mutants:
        placed = place(one, tree, source, starts)
        if isinstance(placed, str):
            not_made[one["key"]] = placed
            continue
        for site in placed:
            sites.setdefault(site.order(), Site(site.kind, site.start, site.end, site.rank)).forms += site.forms
    text = render(source, sorted(sites.values(), key=Site.order), 0, len(source))
    return text.encode(), not_made
