"""How the pictures of a set are gone through: read ahead, by several processes, from where a broken-off run stopped."""
