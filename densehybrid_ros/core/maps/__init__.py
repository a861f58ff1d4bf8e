"""From logits to semantic map, score and open-set map, in the way that suits the device."""
