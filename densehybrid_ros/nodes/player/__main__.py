"""`python -m densehybrid_ros.nodes.player`."""

from densehybrid_ros.nodes.player import main

main()
