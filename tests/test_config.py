"""Settings: where they come from, what they refuse, and that they say which one is wrong but never a password."""

from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import SETTINGS, Config, ConfigError, load

NAMES = [setting.name for setting in SETTINGS]
BAD = [
    ("mongo_uri", "localhost:27017"),
    ("mongo_uri", ""),
    ("mongo_uri", "mongodb://a b"),
    ("datasets", ""),
    ("datasets", " , "),
    ("datasets", "progenetix,$where"),
    ("datasets", "progenetix.system"),
    ("datasets", "a/b"),
    ("datasets", "admin"),
    ("datasets", "progenetix,local"),
    ("datasets", "_byconServicesDB"),
    ("datasets", "d" * 64),
    ("port", "http"),
    ("port", "-1"),
    ("port", "65536"),
    ("port", "9" * 5000),
    ("public_url", "progenetix.org"),
    ("public_url", "https://a b"),
    ("public_url", "javascript:alert(1)"),
    ("page_limit", "0"),
    ("page_limit", "1.5"),
    ("max_passes", "0"),
    ("flights", "65"),
    ("slice_rows", "9"),
    ("query_timeout", "0"),
    ("retry_window", "-0.1"),
    ("client_timeout", "nan"),
    ("version_ttl", "inf"),
    ("grace", "soon"),
    ("encode_threads", ""),
    ("trusted_proxies", "10.0.0.1/8"),
    ("trusted_proxies", "proxy.example"),
    ("client_passes", "-1"),
    ("client_bytes", "0"),
    ("head_timeout", "-1"),
    ("link_hosts", "a b"),
    ("link_hosts", "https://a"),
]


def test_defaults():
    config = load({}, {})
    assert config.mongo_uri == "mongodb://localhost:27017"
    assert config.datasets == ("progenetix",)
    assert (config.host, config.port, config.page_limit) == ("127.0.0.1", 8080, 200)
    assert config.public_url == ""


def test_flags_go_over_the_environment_and_that_over_defaults():
    environment = {"GATEWAY_PORT": "81", "GATEWAY_HOST": "0.0.0.0", "PORT": "99", "gateway_grace": "7"}
    config = load({"port": "82", "host": None}, environment)
    assert (config.port, config.host, config.grace) == (82, "0.0.0.0", 10.0)


def test_an_empty_variable_is_a_value():
    assert load({"public_url": ""}, {"GATEWAY_PUBLIC_URL": "https://progenetix.org"}).public_url == ""
    with pytest.raises(ConfigError, match="GATEWAY_PORT"):
        load({}, {"GATEWAY_PORT": ""})


def test_values_are_brought_to_their_form():
    flags = {"datasets": " progenetix,cellz,,progenetix ", "public_url": "https://progenetix.org//", "grace": "2.5"}
    config = load(flags, {})
    assert config.datasets == ("progenetix", "cellz")
    assert config.public_url == "https://progenetix.org"
    assert config.grace == 2.5


@pytest.mark.parametrize("uri", ["mongodb://u:p@h1,h2:27018/?replicaSet=rs0", "mongodb+srv://cluster.example.org"])
def test_addresses_of_databases(uri):
    assert load({"mongo_uri": uri}, {}).mongo_uri == uri


@pytest.mark.parametrize(("name", "text"), BAD, ids=lambda value: repr(value[:20]))
def test_a_bad_value_names_its_flag_or_its_variable(name, text):
    (setting,) = (setting for setting in SETTINGS if setting.name == name)
    with pytest.raises(ConfigError) as by_flag:
        load({name: text}, {setting.variable: setting.default})
    assert str(by_flag.value).startswith(setting.flag)
    with pytest.raises(ConfigError) as by_variable:
        load({}, {setting.variable: text})
    assert str(by_variable.value).startswith(setting.variable)


def test_a_password_is_never_repeated():
    uri = "mongo://reader:hunter2@db.example.org"
    for flags, environment in (({"mongo_uri": uri}, {}), ({}, {"GATEWAY_MONGO_URI": uri})):
        with pytest.raises(ConfigError) as refused:
            load(flags, environment)
        error: BaseException | None = refused.value
        while error:
            assert "hunter2" not in f"{error!s}{error!r}"
            error = error.__cause__ or error.__context__


def test_the_table_and_the_values_agree():
    assert [field.name for field in fields(Config)] == NAMES
    for setting in SETTINGS:
        assert setting.flag == "--" + setting.name.replace("_", "-")
        assert setting.variable == "GATEWAY_" + setting.name.upper()
        assert setting.help
        setting.parse(setting.default)


def test_a_config_does_not_change():
    config = load({}, {})
    with pytest.raises(FrozenInstanceError):
        config.port = 1
    assert config == load({}, {})


@given(st.sampled_from(NAMES), st.text())
def test_any_text_is_a_value_or_a_config_error(name, text):
    try:
        load({name: text}, {})
    except ConfigError as error:
        assert str(error).startswith("--")  # noqa: PT017


def test_a_value_that_is_no_number_is_told_in_words():
    for name, reason in (
        ("port", "must be a whole number from 0 to 65535"),
        ("grace", "must be from 0 to 86400 seconds"),
    ):
        with pytest.raises(ConfigError, match=f"^--{name} 'abc': {reason}$"):
            load({name: "abc"}, {})
