"""The chapters outside the site: notebooks and paper."""
