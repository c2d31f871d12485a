"""The SHERA systems: configurations, parameters, transforms, designs, and how they drive the optics."""
