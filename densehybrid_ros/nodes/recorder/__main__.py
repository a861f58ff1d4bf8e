"""`python -m densehybrid_ros.nodes.recorder`."""

from densehybrid_ros.nodes.recorder import main

main()
