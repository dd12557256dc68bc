"""What all pages share: the look, light and dark, and the filling of a template."""

from intraday_rl.core.webpage.template import fill_template

__all__ = ["fill_template"]
