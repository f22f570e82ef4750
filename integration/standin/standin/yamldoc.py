"""YAML as Kubernetes reads it: duplicate keys are an error, dates stay strings."""
import yaml


class _Loader(yaml.SafeLoader):
    pass


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


# Go's reader gives dates as strings and knows no base-60 numbers.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict:
    keys = [loader.construct_object(k, deep=True) for k, _ in node.value]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            line = node.value[index][0].start_mark.line + 1
            raise DuplicateKey(f'line {line}: key "{key}" already set in map')
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


class DuplicateKey(ValueError):
    pass


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_all(text: str) -> list:
    """Every document of the text; ValueError when it is not YAML."""
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"yaml: {where}{getattr(error, 'problem', error)}") from None


def load(text: str):
    documents = [d for d in load_all(text) if d is not None]
    return documents[0] if documents else None


def dump(value) -> str:
    return yaml.dump(value, Dumper=_Dumper, default_flow_style=False, sort_keys=True, width=10**9)
