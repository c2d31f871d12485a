"""Image models: a function's columns against closed forms and differences, and what becomes of a function."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.errors import MissingKeyError, ParameterError
from dluxshera.params import (
    AbstractImageModel,
    AutomaticImageModel,
    ParameterStore,
    image_model,
    pack_params,
    unpack_params,
)
from support.columns import column_errors
from support.helpers import relative_l2, rounding
from support.stars import NEAR, STAR, STORE, ClosedFormStar
from support.toys import COEFFS, CONTRAST, FLUX, SCALE, star_image, telescope

NEARBY = unpack_params(NEAR, STAR, STORE)


@pytest.mark.parametrize("keys", [tuple(STAR), ("star.width", "star.x"), ("star.log_flux",)])
def test_the_columns_of_a_function_have_the_closed_form(keys):
    free = STAR.subset(keys)
    image, columns = image_model(star_image).expand(NEARBY, free)
    _, truth = ClosedFormStar().expand(NEARBY, free)
    assert columns.shape == (len(keys), 16, 16)
    np.testing.assert_allclose(image, star_image(NEARBY), rtol=rounding(float))
    for label, column, expected in zip(free.labels, columns, truth, strict=True):
        assert relative_l2(column, expected) < rounding(float, condition=10), label


@pytest.mark.parametrize("keys", [(COEFFS, FLUX), (FLUX, COEFFS)])
def test_an_array_has_a_column_for_each_element_in_the_order_of_theta(keys):
    spec = telescope()
    store, free = ParameterStore.from_spec_defaults(spec), spec.subset(keys)
    weights = jnp.array([[1.0, 10.0, 100.0], [2.0, -3.0, 0.0]])
    _, columns = image_model(lambda s: weights @ s[COEFFS] ** 2 + s[FLUX]).expand(store, free)
    theirs = {FLUX: np.ones((1, 2)), COEFFS: (2.0 * weights * np.asarray(store[COEFFS])).T}
    np.testing.assert_allclose(columns, np.concatenate([theirs[key] for key in keys]), rtol=1e-15)
    assert len(columns) == len(free.labels) == pack_params(store, free).size


def test_nothing_free_has_no_columns():
    image, columns = image_model(star_image).expand(STORE, STAR.subset([]))
    assert columns.shape == (0, 16, 16)
    np.testing.assert_allclose(image, star_image(STORE), rtol=rounding(float))


def test_differences_find_a_wrong_column():
    """The twin that must fail: a sign, and a factor that is 1 % off."""
    for model in (image_model(star_image), ClosedFormStar()):
        errors = column_errors(model, NEARBY, STAR)
        assert tuple(errors) == STAR.labels
        assert max(errors.values()) < 1e-8
    errors = column_errors(ClosedFormStar({"star.x": -1.0, "star.width": 1.01}), NEARBY, STAR)
    assert [label for label, error in errors.items() if error > 1e-3] == ["star.x", "star.width"]


def test_columns_go_through_transformations():
    model, free = image_model(star_image), STAR.subset(["star.x"])
    places = jnp.array([-1.0, 0.5, 2.0])

    def slope(x):
        return model.expand(STORE.replace({"star.x": x}), free)[1][0]

    alone = np.stack([slope(x) for x in places])
    np.testing.assert_allclose(jax.jit(jax.vmap(slope))(places), alone, rtol=1e-12, atol=1e-9)
    second = jax.jacrev(slope)(places[1])
    star, away = star_image(STORE.replace({"star.x": 0.5})) - 10.0, (np.arange(16) - 7.5 - 0.5)[None, :]
    expected = star * ((away / 4.0) ** 2 - 0.25)
    np.testing.assert_allclose(second, expected, rtol=1e-10, atol=1e-9)


def test_stores_of_one_spec_are_traced_once():
    traces = []

    def predict(store):
        traces.append(1)
        return star_image(store)

    for x in (0.0, 0.5, 1.0):
        image_model(predict).image(STORE.replace({"star.x": x}))
    assert len(traces) == 1
    for x in (0.0, 0.5, 1.0):
        image_model(predict).expand(STORE.replace({"star.x": x}), STAR)
    assert len(traces) == 2


def test_a_parameter_that_the_store_does_not_have_is_named():
    store = ParameterStore.from_spec_defaults(telescope())
    with pytest.raises(MissingKeyError, match=r"lens\.scale"):
        image_model(lambda s: jnp.full(2, s[CONTRAST])).expand(store, telescope().subset([CONTRAST, SCALE]))


# What becomes of a model, its methods, and a function.


class Doubled(ClosedFormStar):
    """Twice the star, its other methods, and other names of `image`."""

    def image(self, store):
        return 2.0 * super().image(store)

    predict = image

    def expand(self, store, free):
        image, columns = super().expand(store, free)
        return 2.0 * image, 2.0 * columns

    def logarithm(self, store):
        return jnp.log(self.image(store))


class Changed(Doubled):
    """A subclass whose `predict` is no longer its image."""

    def predict(self, store):
        return 3.0 * star_image(store)


def test_a_model_and_its_bound_image_are_the_model():
    model = Doubled()
    assert image_model(model) is model
    for method in (model.image, model.predict):
        found = image_model(method)
        assert isinstance(found, Doubled)
        np.testing.assert_array_equal(found.expand(STORE, STAR)[1], model.expand(STORE, STAR)[1])


def test_another_method_is_a_function_of_its_own():
    """Or its columns would be those of the image."""
    for method in (Doubled().logarithm, Changed().predict, partial(Doubled().image), lambda s: Doubled().image(s)):
        found = image_model(method)
        assert isinstance(found, AutomaticImageModel)
        np.testing.assert_allclose(found.image(STORE), method(STORE), rtol=1e-15)
    assert max(column_errors(image_model(Changed().predict), NEARBY, STAR).values()) < 1e-8


def test_what_is_no_image_is_refused():
    with pytest.raises(ParameterError, match="predict: expected an image model, or a function from store to image"):
        image_model(np.ones((3, 3)))
    with pytest.raises(TypeError, match="abstract"):
        AbstractImageModel()
