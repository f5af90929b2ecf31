"""Run the chapters and make the site of them."""
