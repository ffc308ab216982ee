"""Error texts do not name the paths of this machine."""

import sysconfig

from sagemaker_xgboost.container.train import image_paths
from sagemaker_xgboost.exceptions import hide_paths


def test_a_folder_inside_another_keeps_a_name_of_its_own(tmp_path):
    """The folder of links lies inside the job's root."""
    links = tmp_path / "links"
    names = image_paths(tmp_path, links)
    shown = hide_paths(f"{links}/a.csv {tmp_path}/model", names)
    assert shown == "/tmp/sagemaker_xgboost_input_data/a.csv /opt/ml/model"


def test_installed_files_lose_the_folder_of_their_installation():
    """Which is of no use to anyone who reads a log of SageMaker."""
    library = f"{sysconfig.get_path('purelib')}/xgboost/lib/libxgboost.so(+0x1)"
    assert hide_paths(library) == "xgboost/lib/libxgboost.so(+0x1)"
