"""The chapter's games: told a class, with a code of their own, and between two fonts."""

from functools import partial

import torch
from torch import nn

from companion import data
from companion.adversarial.conditional import ConditionalGAN, InfoGAN, wobble
from companion.adversarial.cyclegan import CycleGAN
from companion.adversarial.gan import DenseDiscriminator, DenseGenerator, dense, fit_gan
from companion.autoregressive.repeats import Repeats
from companion.classifier import DigitClassifier
from companion.layers import initialize
from companion.metrics import purity_score
from tools.training.recipe import Recipe, labelled_digits

DIGIT = (1, 8, 8)
