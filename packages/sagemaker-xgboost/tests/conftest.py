"""What several tests of the model server share."""

import pytest
from container_models import make_model
from sagemaker_xgboost import ENGINE_VERSION
from sagemaker_xgboost.container.serve import ModelServer


@pytest.fixture
def serve(tmp_path):
    """Serve models, each in a file of its own."""

    def load(*models, version=ENGINE_VERSION, **environment):
        for number, model in enumerate(models):
            model.save_model(tmp_path / f"xgboost-model-{number}.ubj")
        return ModelServer.load(tmp_path, environment, version)

    return load


@pytest.fixture
def regression(serve):
    """Serve one regression."""
    return serve(make_model("reg:squarederror"))
