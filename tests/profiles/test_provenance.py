"""Records of where a model comes from: hashes of the configuration and versions of packages."""

from importlib.metadata import version

from dluxshera.profiles import package_versions


def test_versions_are_those_of_the_installed_packages_in_the_order_of_the_names():
    versions = package_versions(["numpy", "no-such-package-of-this-name", "dluxshera"])
    assert list(versions.items()) == [("numpy", version("numpy")), ("dluxshera", version("dluxshera"))]
