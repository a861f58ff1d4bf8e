"""`python -m densehybrid_ros.nodes.tuner`."""

from densehybrid_ros.nodes.tuner import main

main()
