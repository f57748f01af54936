"""Failed logins, the addresses from which accounts logged in, and the turn to hash a password."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('access', '0001_api_keys'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HashTurn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('holder', models.CharField(blank=True, max_length=16)),
                ('ends_at', models.DateTimeField(verbose_name='ends')),
            ],
        ),
        migrations.CreateModel(
            name='FailedLogin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.CharField(max_length=64)),
                ('address', models.CharField(max_length=100)),
                ('failed_at', models.DateTimeField(db_index=True, verbose_name='failed')),
            ],
            options={
                'indexes': [models.Index(fields=['address', 'failed_at'], name='failed_login_of_address'), models.Index(fields=['account', 'failed_at'], name='failed_login_of_account')],
            },
        ),
        migrations.CreateModel(
            name='KnownAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.CharField(max_length=100)),
                ('logged_in_at', models.DateTimeField(db_index=True, verbose_name='last login')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'address'), name='one_known_address_per_user')],
            },
        ),
    ]
